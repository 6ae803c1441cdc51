"""One planted bug: what is changed, why that matters, and who ought to object."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A small change to one file, which at least one of its killers must find.

    Raises:
        ValueError: the change changes nothing, or nobody is asked to object.
    """

    name: str
    """Says the bug in a few words, like ``window edge still counts``; unique in its area."""

    file: str
    """The changed file, relative to the root of the tree."""

    before: str
    """Text that occurs exactly once in the file."""

    after: str
    """What stands there instead."""

    because: str
    """What goes wrong for a user where this bug is; one sentence."""

    killers: tuple[str, ...]
    """Test files or test ids, relative to the root, that ought to object; the likeliest first."""

    def __post_init__(self) -> None:
        if self.before == self.after:
            raise ValueError(f"mutant {self.name!r} changes nothing")
        if not self.killers:
            raise ValueError(f"mutant {self.name!r} has nobody to object to it")
