"""What can keep the platform from running, told so that a person can mend it."""


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
