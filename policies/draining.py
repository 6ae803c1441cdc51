"""Draining: backends that leave finish what they have, and get no more.

    ACTIVE     may be chosen
               ejected until then       -> EJECTED, and ACTIVE again when it is then
               drained until a deadline -> DRAINING
    EJECTED    gets nothing new; what it has goes on
               drained until a deadline -> DRAINING
    DRAINING   gets nothing new, and nothing else happens to it
               its last request ended   -> gone
               the deadline is there    -> what is left is cut, and it is gone

That nobody can be chosen is an answer like any other: ``None``.

Source: Kubernetes documentation, "Pod Lifecycle", section "Termination of Pods"; RFC 9110,
section 7.6.1, for connections.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from policies.balancing import Balancer


class BackendState(Enum):
    """What may happen to a backend."""

    ACTIVE = "active"
    """It may be chosen."""

    EJECTED = "ejected"
    """Nothing new for a while."""

    DRAINING = "draining"
    """Nothing new, ever."""


class Assignment(NamedTuple):
    """One request at one backend; no two have the same number."""

    backend: str
    number: int


class _Backend:
    """A backend and what it has."""

    __slots__ = ("deadline_ns", "ejected_until_ns", "open")

    def __init__(self) -> None:
        self.deadline_ns: int | None = None
        # Before any time there is.
        self.ejected_until_ns = -(2**63)
        self.open: set[int] = set()

    def state(self, now_ns: int) -> BackendState:
        if self.deadline_ns is not None:
            return BackendState.DRAINING
        return BackendState.EJECTED if now_ns < self.ejected_until_ns else BackendState.ACTIVE


class BackendSet:
    """The backends of one service as a balancer may choose from them, and their requests.

    Time may stand still from call to call, but must not run backwards.
    """

    __slots__ = ("_backends", "_numbers")

    def __init__(self) -> None:
        self._backends: dict[str, _Backend] = {}
        self._numbers = 0

    def add(self, backend: str) -> bool:
        """Let ``backend`` be chosen; False: it is here already, and what it was.

        One that drains cannot be called back: it may have stopped listening. It can come
        again once it is gone.
        """
        if backend in self._backends:
            return False
        self._backends[backend] = _Backend()
        return True

    def eject(self, backend: str, until_ns: int) -> bool:
        """Give ``backend`` nothing new before ``until_ns``; False: it is gone, or drains."""
        each = self._backends.get(backend)
        if each is None or each.deadline_ns is not None:
            return False
        each.ejected_until_ns = until_ns
        return True

    def drain(self, backend: str, deadline_ns: int) -> bool:
        """Give ``backend`` nothing new, and until ``deadline_ns`` for what it has.

        A second call may bring the deadline forward, not put it off. False: it is gone.
        """
        each = self._backends.get(backend)
        if each is None:
            return False
        if each.deadline_ns is None or deadline_ns < each.deadline_ns:
            each.deadline_ns = deadline_ns
        self._let_go(backend, each)
        return True

    def state(self, backend: str, now_ns: int) -> BackendState | None:
        """Return what may happen to ``backend``; None: it is gone, or never was."""
        each = self._backends.get(backend)
        return None if each is None else each.state(now_ns)

    def loads(self, now_ns: int) -> Mapping[str, int]:
        """Return the requests open at each backend that may be chosen; maybe there is none."""
        return {
            name: len(each.open)
            for name, each in self._backends.items()
            if each.state(now_ns) is BackendState.ACTIVE
        }

    def choose(self, balancer: Balancer, now_ns: int, uniform: float) -> Assignment | None:
        """Have ``balancer`` choose who gets the next request; None: nobody can."""
        loads = self.loads(now_ns)
        if not loads:
            return None
        chosen = balancer.choose(list(loads.values()), uniform)
        return self.assign(list(loads)[chosen], now_ns)

    def assign(self, backend: str, now_ns: int) -> Assignment | None:
        """Give ``backend`` the next request; None: it may not get one."""
        each = self._backends.get(backend)
        if each is None or each.state(now_ns) is not BackendState.ACTIVE:
            return None
        self._numbers += 1
        each.open.add(self._numbers)
        return Assignment(backend, self._numbers)

    def finish(self, assignment: Assignment) -> bool:
        """Note that a request has ended; False: it had before, or was cut."""
        each = self._backends.get(assignment.backend)
        if each is None or assignment.number not in each.open:
            return False
        each.open.remove(assignment.number)
        self._let_go(assignment.backend, each)
        return True

    def cut(self, now_ns: int) -> list[Assignment]:
        """Return the requests whose backends' deadlines are there; these are to be broken off."""
        due = [
            (name, each)
            for name, each in self._backends.items()
            if each.deadline_ns is not None and each.deadline_ns <= now_ns
        ]
        for name, _ in due:
            del self._backends[name]
        return [Assignment(name, number) for name, each in due for number in sorted(each.open)]

    def _let_go(self, backend: str, each: _Backend) -> None:
        if each.deadline_ns is not None and not each.open:
            del self._backends[backend]
