"""Whether everything that was offered ended, once, and nothing else did.

    for each class:  offered = ok + refused + failed + unknown
    for each queue:  acknowledged <= jobs <= acknowledged + unknown submissions

A sum can be right although one request was lost and another invented, so each is told by its
number.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from properties.checkers.verdict import Judgement, broken, holds, unknown
from scenarios.history import Operation, Outcome

_STORY_MAX: Final = 5


def conserved(offered: Iterable[tuple[int, str]], operations: Iterable[Operation]) -> Judgement:
    """Judge whether each request that was offered ended exactly once; unknown if none was.

    Args:
        offered:    number and class of each arrival.
        operations: the history, without the jobs; an arrival's attempts share its number and are
            told apart by theirs, and the last of them is how it ended.
    """
    classes = dict(offered)
    problems: list[str] = []
    ended: dict[int, dict[int, Operation]] = defaultdict(dict)
    for operation in operations:
        earlier = ended[operation.id].get(operation.attempt)
        if operation.id not in classes:
            problems.append(f"invented: {_told(operation)}, which nobody had asked for")
        elif operation.class_name != classes[operation.id]:
            problems.append(f"changed: {_told(operation)}, offered as {classes[operation.id]}")
        elif earlier is not None:
            problems.append(f"twice: {_told(earlier)}, then {operation.outcome}")
        ended[operation.id][operation.attempt] = operation
    problems += [
        f"lost: {class_name} {number} was offered and never ended"
        for number, class_name in classes.items()
        if number not in ended
    ]
    if problems:
        return _broken(problems)
    if not classes:
        return unknown("nothing was offered")
    last = [attempts[max(attempts)] for attempts in ended.values()]
    return holds(*_sums(last))


def jobs_conserved(
    submissions: Iterable[Operation], jobs: Iterable[Operation], *, drained: bool = True
) -> Judgement:
    """Judge whether each job that was acknowledged ended exactly once, and no other was done.

    Unknown if none was submitted and none was done.

    Args:
        submissions: the requests that submit a job each; the job has the request's number.
        jobs:        what became of them.
        drained:     whether all jobs had ended when the history did; else none can be missed.
    """
    told: dict[int, set[Outcome]] = defaultdict(set)
    for submission in submissions:
        told[submission.id].add(submission.outcome)
    done = Counter(job.id for job in jobs)
    problems = [
        f"twice: job {number} ended {count} times" for number, count in done.items() if count > 1
    ]
    # Of a submission without an answer nobody knows whether it was heard.
    problems += [
        f"invented: job {number} was done, and its submission was not taken"
        for number in done
        if not told.get(number, set()) & {Outcome.OK, Outcome.UNKNOWN}
    ]
    if drained:
        problems += [
            f"lost: job {number} was acknowledged and never ended"
            for number, outcomes in told.items()
            if Outcome.OK in outcomes and number not in done
        ]
    if not told and not done:
        return unknown("no job was submitted, and none was done")
    return _broken(problems) if problems else holds(f"{done.total()} jobs, each once")


def _sums(operations: Iterable[Operation]) -> list[str]:
    counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
    for operation in operations:
        counts[operation.class_name][operation.outcome] += 1
    return [
        f"{class_name}: {outcomes.total()} offered = "
        + " + ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome)
        for class_name, outcomes in sorted(counts.items())
    ]


def _broken(problems: list[str]) -> Judgement:
    more = len(problems) - _STORY_MAX
    return broken(*problems[:_STORY_MAX], *([f"and {more} more"] if more > 0 else []))


def _told(operation: Operation) -> str:
    return f"{operation.class_name} {operation.id} ended {operation.outcome}"
