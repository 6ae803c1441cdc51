"""What can keep the platform from running, told so that a person can mend it."""

import errno


class PlatformProblem(Exception):
    """The platform cannot do what was asked.

    Attributes:
        reason: what is wrong, as a sentence without its full stop.
        remedy: what to do about it, as a sentence without its full stop; may be empty.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason}\n{remedy}" if remedy else reason)


def problem_of(error: OSError) -> PlatformProblem:
    """Return what an operating-system error means for whoever wants the platform."""
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if error.errno == errno.ENOSPC:
        return disk_full(what)
    return PlatformProblem(what)


def disk_full(what: str) -> PlatformProblem:
    """Return the problem that there is no space left."""
    return PlatformProblem(
        f"the disk is full: {what}", "free some space, or choose another disk with --home"
    )


class StartCancelled(PlatformProblem):
    """The start was called off, by Ctrl-C or because another part failed."""

    def __init__(self) -> None:
        super().__init__("the start was called off")


class PortTaken(PlatformProblem):
    """A port that a part was about to listen on belongs to somebody else."""

    def __init__(self, part: str, port: int) -> None:
        self.port = port
        super().__init__(
            f"port {port}, wanted for {part}, is taken by another process",
            f"stop whatever listens on {port}, or choose another port (--edge-port; "
            "without it a free one is found)",
        )
