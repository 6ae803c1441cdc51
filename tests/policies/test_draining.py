"""Stories of backends that leave."""

from policies.balancing import LeastOutstanding, RoundRobin
from policies.draining import Assignment, BackendSet, BackendState


def backends(*names: str) -> BackendSet:
    made = BackendSet()
    for name in names:
        assert made.add(name)
    return made


def test_a_draining_backend_gets_nothing_new_and_is_gone_when_its_last_request_ends() -> None:
    two = backends("a", "b")
    first = two.assign("a", 0)
    assert first == Assignment("a", 1)
    assert two.drain("a", deadline_ns=100)
    assert two.state("a", 0) is BackendState.DRAINING
    assert two.assign("a", 0) is None
    assert two.loads(0) == {"b": 0}
    assert two.finish(first)
    assert two.state("a", 0) is None


def test_what_is_not_done_by_the_deadline_is_cut() -> None:
    two = backends("a", "b")
    one, other, elsewhere = two.assign("a", 0), two.assign("a", 0), two.assign("b", 0)
    two.drain("a", deadline_ns=100)
    assert two.cut(99) == []
    assert two.cut(100) == [one, other]
    assert two.cut(100) == []
    # Its answer comes all the same: too late.
    assert one is not None
    assert not two.finish(one)
    assert elsewhere is not None
    assert two.finish(elsewhere)


def test_an_idle_backend_is_gone_at_once() -> None:
    one = backends("a")
    one.drain("a", deadline_ns=100)
    assert one.state("a", 0) is None
    assert not one.drain("a", deadline_ns=100)
    assert one.add("a")


def test_a_drain_can_be_hurried_but_not_put_off_nor_called_back() -> None:
    one = backends("a")
    request = one.assign("a", 0)
    one.drain("a", deadline_ns=100)
    one.drain("a", deadline_ns=500)
    assert not one.add("a")
    assert not one.eject("a", until_ns=900)
    assert one.state("a", 0) is BackendState.DRAINING
    one.drain("a", deadline_ns=50)
    assert one.cut(50) == [request]


def test_an_ejected_backend_keeps_what_it_has_and_comes_back_in_time() -> None:
    two = backends("a", "b")
    request = two.assign("a", 0)
    assert two.eject("a", until_ns=10)
    assert two.state("a", 9) is BackendState.EJECTED
    assert two.loads(9) == {"b": 0}
    assert two.loads(10) == {"a": 1, "b": 0}
    assert request is not None
    assert two.finish(request)
    assert not two.finish(request)


def test_an_ejected_backend_can_be_drained() -> None:
    one = backends("a")
    one.assign("a", 0)
    one.eject("a", until_ns=10)
    one.drain("a", deadline_ns=100)
    assert one.state("a", 10) is BackendState.DRAINING


def test_balancers_choose_among_the_active_ones() -> None:
    three = backends("a", "b", "c")
    three.assign("b", 0)
    three.assign("a", 0)
    three.drain("a", deadline_ns=100)
    chosen = three.choose(LeastOutstanding(), 0, 0.0)
    assert chosen is not None
    assert chosen.backend == "c"


def test_that_there_is_nobody_is_an_answer() -> None:
    none = backends()
    assert none.choose(RoundRobin(), 0, 0.0) is None
    assert none.assign("a", 0) is None
    assert not none.eject("a", until_ns=1)
    assert not none.finish(Assignment("a", 1))
    assert none.state("a", 0) is None


def test_a_backend_that_is_here_is_not_added_again() -> None:
    one = backends("a")
    one.assign("a", 0)
    assert not one.add("a")
    assert one.loads(0) == {"a": 1}


def test_before_time_zero_a_backend_may_be_chosen_too() -> None:
    backends = BackendSet()
    backends.add("a")
    assert backends.state("a", -1) is BackendState.ACTIVE
