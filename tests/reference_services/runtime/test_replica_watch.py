"""What can be known of a replica's lag, worked out by hand."""

from reference_services.runtime.replica_watch import ReplicaWatch


def test_a_replica_is_as_old_as_the_last_question_whose_answer_it_has_reached() -> None:
    watch = ReplicaWatch(replicas=2)
    assert watch.lag_ns(0, now_ns=0) is None

    watch.primary_reached(asked_at_ns=100, position=7)
    watch.primary_reached(asked_at_ns=200, position=9)
    watch.replica_replayed(0, position=8)
    watch.replica_replayed(1, position=6)
    assert watch.lag_ns(0, now_ns=250) == 150
    assert watch.lag_ns(1, now_ns=250) is None, "what it has not reached says nothing of its age"

    watch.replica_replayed(0, position=9)
    assert watch.lag_ns(0, now_ns=250) == 50


def test_a_replica_of_an_idle_primary_stays_up_to_date() -> None:
    watch = ReplicaWatch(replicas=1)
    for asked_at_ns in (100, 200, 300):
        watch.primary_reached(asked_at_ns, position=7)
    watch.replica_replayed(0, position=7)
    assert watch.lag_ns(0, now_ns=300) == 0


def test_answers_that_are_forgotten_do_not_make_a_paused_replica_younger() -> None:
    watch = ReplicaWatch(replicas=1)
    watch.primary_reached(asked_at_ns=100, position=7)
    watch.replica_replayed(0, position=7)
    watch.primary_reached(asked_at_ns=200, position=9)
    watch.forget_before(150)
    watch.replica_replayed(0, position=7)
    assert watch.lag_ns(0, now_ns=300) == 200
