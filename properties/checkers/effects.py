"""Judges of work that may be delivered more than once: effects, ends, answers, and where jobs are.

What nobody was told about may have happened once or not at all: a submission whose answer was
lost, like an operation whose outcome is ``unknown``, allows for both.

Each judge says ``unknown`` of a history in which nothing happened.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from properties.checkers.verdict import Judgement, broken, holds, unknown
from scenarios.history import Outcome


class Effect(NamedTuple):
    """Something that happened in the world outside, and cannot be taken back."""

    key: str
    """What it was done for; the same for every attempt at it."""

    by: str
    """Who did it."""


class Submission(NamedTuple):
    """A job as its client handed it in; the same job may be handed in many times."""

    job: str
    outcome: Outcome


class End(NamedTuple):
    """A job that ended, as the queue told it."""

    job: str
    how: str
    """Like ``done`` or ``dead``."""


class Reply(NamedTuple):
    """What a client was told about a request under a key."""

    key: str
    fingerprint: str
    answer: str | None
    """None: that the key stands for something else."""


def at_most_once(effects: Iterable[Effect]) -> Judgement:
    """Judge that nothing was done twice."""
    by_key: defaultdict[str, list[str]] = defaultdict(list)
    for effect in effects:
        by_key[effect.key].append(effect.by)
    if not by_key:
        return unknown("nothing was done")
    doubled = [
        f"{key} was done {len(by)} times: by {', then by '.join(by)}"
        for key, by in by_key.items()
        if len(by) > 1
    ]
    return broken(*doubled) if doubled else holds(f"{len(by_key)} effects, each of them once")


def every_job_ends(
    submissions: Iterable[Submission], ends: Iterable[End], *, settled: bool
) -> Judgement:
    """Judge that each acknowledged job ended exactly once, and no other job at all.

    A job that nobody got an answer about may have ended once, or not. So does Jepsen's
    ``total-queue`` count.

    Args:
        submissions: as the clients saw them.
        ends: as the queue told them.
        settled: whether faults stopped and time enough went by since. If not, what has not
            ended may yet end.
    """
    promised: defaultdict[str, set[Outcome]] = defaultdict(set)
    for submission in submissions:
        promised[submission.job].add(submission.outcome)
    hows: defaultdict[str, list[str]] = defaultdict(list)
    for end in ends:
        hows[end.job].append(end.how)
    if not promised and not hows:
        return unknown("no job was handed in, and none ended")
    wrong = [
        f"{job} ended {len(how)} times: {', '.join(how)}"
        for job, how in hows.items()
        if len(how) > 1
    ]
    wrong.extend(
        f"{job} ended, but {'was refused' if promised[job] else 'came of nothing'}"
        for job in hows
        if not promised[job] & {Outcome.OK, Outcome.UNKNOWN}
    )
    missing = [job for job, seen in promised.items() if Outcome.OK in seen and job not in hows]
    if settled:
        wrong.extend(f"{job} was acknowledged and never ended" for job in missing)
    if wrong:
        return broken(*wrong)
    if missing:
        return unknown(f"{len(missing)} acknowledged jobs have not ended yet")
    return holds(f"{len(hows)} jobs ended, each of them once")


def answers_agree(replies: Iterable[Reply]) -> Judgement:
    """Judge that one key has one fingerprint and one answer, and all others a conflict.

    Replies come in the order in which they were given; the first sets what the key stands for.
    """
    first: dict[str, Reply] = {}
    wrong: list[str] = []
    for reply in replies:
        known = first.setdefault(reply.key, reply)
        if reply.fingerprint != known.fingerprint:
            if reply.answer is not None:
                wrong.append(f"{reply.key} answered for two requests: {known} and {reply}")
        elif reply.answer is None:
            wrong.append(f"{reply.key} was refused to its own request: {reply}")
        elif reply.answer != known.answer:
            wrong.append(f"{reply.key} has two answers: {known.answer!r} and {reply.answer!r}")
    if not first:
        return unknown("nobody was answered")
    return broken(*wrong) if wrong else holds(f"{len(first)} keys, each with one answer")


def conserved(
    moments: Iterable[Mapping[str, Collection[str]]], *, final: Collection[str] = ()
) -> Judgement:
    """Judge that each job is in exactly one place at each moment, from its first one on.

    Args:
        moments: what is in each place, one moment after the other. What is in a place twice
            counts as twice.
        final: places that nobody leaves.
    """
    seen: dict[str, str] = {}
    count = 0
    for count, places in enumerate(moments, start=1):
        where: defaultdict[str, list[str]] = defaultdict(list)
        for place, jobs in places.items():
            for job in jobs:
                where[job].append(place)
        for job in sorted(seen.keys() | where.keys()):
            found = where.get(job, [])
            if len(found) != 1:
                told = " and ".join(found) or "nowhere"
                return broken(f"moment {count}: {job} is {told}; it was {seen.get(job, 'new')}")
            if seen.get(job) in final and found != [seen[job]]:
                return broken(f"moment {count}: {job} is {found[0]}; it was {seen[job]} for good")
            seen[job] = found[0]
    if not seen:
        return unknown(f"there was no job in {count} moments")
    counted = Counter(seen.values())
    return holds(f"{count} moments, {len(seen)} jobs; in the end {dict(counted)}")
