"""Bugs planted in queued work: order, shares, leases, redelivery, keys, batches, and P4."""

from typing import Final

from properties.mutants.mutant import Mutant

_QUEUE: Final = "policies/ageing_queue.py"
_SHARE: Final = "policies/fair_share.py"
_LEASE: Final = "policies/lease.py"
_DEAD: Final = "policies/dead_letter.py"
_KEYS: Final = "policies/idempotency.py"
_BATCH: Final = "policies/batching.py"
_STUDIO: Final = "reference_services/studio/idempotency.py"
_BULL: Final = "reference_services/runtime/queue_bullmq.py"

_QUEUE_LAWS: Final = "properties/policies/test_ageing_queue.py"
_SHARE_LAWS: Final = "properties/policies/test_fair_share.py"
_LEASE_LAWS: Final = "properties/policies/test_lease.py"
_DEAD_LAWS: Final = "properties/policies/test_dead_letter.py"
_KEYS_LAWS: Final = "properties/policies/test_idempotency.py"
_BATCH_LAWS: Final = "properties/policies/test_batching.py"
_P04: Final = "properties/test_p04_retry_idempotency.py"
_LIVE: Final = "properties/test_p04_retry_idempotency_live.py"
_AGREEMENT: Final = "properties/agreement/test_studio_keys.py"

MUTANTS: Final = (
    Mutant(
        name="waiting counts for nothing",
        file=_QUEUE,
        before="return submitted_ns - priority * ageing_ns",
        after="return -priority * ageing_ns",
        because="A flood of urgent jobs keeps the others waiting for ever.",
        killers=(_QUEUE_LAWS,),
    ),
    Mutant(
        name="the latest of equals goes first",
        file=_QUEUE,
        before="_Waiting(effective_ns, self._pushed, job)",
        after="_Waiting(effective_ns, -self._pushed, job)",
        because="Under load the first to come are served last, and time out.",
        killers=(_QUEUE_LAWS,),
    ),
    Mutant(
        name="the queue holds one more than it says",
        file=_QUEUE,
        before="len(self._waiting) >= self._limits.waiting_max",
        after="len(self._waiting) > self._limits.waiting_max",
        because="What was sized for so many jobs runs out of memory with one more.",
        killers=(_QUEUE_LAWS,),
    ),
    Mutant(
        name="a push replaces the least urgent of a full queue",
        file=_QUEUE,
        before="            return False\n        effective_ns",
        after="            self._waiting.pop()\n        effective_ns",
        because="A job that was acknowledged is dropped without a word.",
        killers=(_QUEUE_LAWS,),
    ),
    Mutant(
        name="weights are ignored",
        file=_SHARE,
        before="_Line[Job](quantum * w) for name, w in",
        after="_Line[Job](quantum) for name, _w in",
        because="Who pays for a larger share gets the same as everybody.",
        killers=(_SHARE_LAWS,),
    ),
    Mutant(
        name="an idle tenant keeps its credit",
        file=_SHARE,
        before="        line.deficit = 0\n        self._turns.popleft()",
        after="        self._turns.popleft()",
        because="Whoever slept comes back with what it saved, and holds up the others.",
        killers=(f"{_SHARE_LAWS}::test_who_was_away_comes_back_with_nothing",),
    ),
    Mutant(
        name="a visit has no end",
        file=_SHARE,
        before="earned = line.quantum if self._begins else 0",
        after="earned = line.quantum",
        because="The first tenant with enough work starves all the others.",
        killers=(_SHARE_LAWS,),
    ),
    Mutant(
        name="made up names have lines of their own",
        file=_SHARE,
        before="line = self._lines.get(tenant, self._others)",
        after="line = self._lines.setdefault(tenant, _Line(self._others.quantum))",
        because="A tenant that comes under a hundred names gets a hundred shares.",
        killers=(_SHARE_LAWS,),
    ),
    Mutant(
        name="jobs cost the same whatever they cost",
        file=_SHARE,
        before="deficit_step(line.deficit, earned, first.cost)",
        after="deficit_step(line.deficit, earned, 1)",
        because="A tenant with long videos takes many times the share of one with short ones.",
        killers=(_SHARE_LAWS,),
    ),
    Mutant(
        name="a lease still holds on the nanosecond it ends",
        file=_LEASE,
        before="return token == live_token and now_ns < expires_at_ns",
        after="return token == live_token and now_ns <= expires_at_ns",
        because="For a nanosecond two workers hold the same device.",
        killers=(_LEASE_LAWS,),
    ),
    Mutant(
        name="a lease that ran out can be renewed",
        file=_LEASE,
        before="return self._give(token) if self.is_live(token, now_ns) else Lost()",
        after="return self._give(token) if token == self._token else Lost()",
        because="A worker that slept renews a job that others were told is free.",
        killers=(_LEASE_LAWS,),
    ),
    Mutant(
        name="any holder may give the lease back",
        file=_LEASE,
        before="        if not self.is_live(token, now_ns):\n            return False",
        after="        if token > self._token:\n            return False",
        because="A worker that wakes up late frees what its heir is working on.",
        killers=(_LEASE_LAWS,),
    ),
    Mutant(
        name="a lease comes with the token of the one before",
        file=_LEASE,
        before="return self._give(self._token + 1)",
        after="return self._give(max(self._token, 1))",
        because="The fence cannot tell the sleeper from its heir.",
        killers=(_LEASE_LAWS,),
    ),
    Mutant(
        name="the fence forgets who came last",
        file=_LEASE,
        before="    return token, True",
        after="    return greatest_token, True",
        because="A worker that wakes after its lease has gone overwrites its heir's work.",
        killers=(
            f"{_LEASE_LAWS}::test_a_fence_lets_in_exactly_those_who_come_after_nobody_greater",
            _P04,
        ),
    ),
    Mutant(
        name="one attempt too many",
        file=_DEAD,
        before="if deliveries.attempts >= self.attempts_max:",
        after="if deliveries.attempts > self.attempts_max:",
        because="A job that kills its workers kills one more than anybody agreed to.",
        killers=(_DEAD_LAWS,),
    ),
    Mutant(
        name="poison is never noticed",
        file=_DEAD,
        before="deliveries = deliveries._replace(silent=deliveries.silent + 1)",
        after="deliveries = deliveries._replace(silent=0)",
        because="A poisonous job goes from worker to worker for all its attempts.",
        killers=(_DEAD_LAWS,),
    ),
    Mutant(
        name="attempts are counted anew with each delivery",
        file=_DEAD,
        before="else Redeliver(delay_ns, deliveries)",
        after="else Redeliver(delay_ns, Deliveries())",
        because="A job that always fails never reaches the dead letters, and never ends.",
        killers=(_DEAD_LAWS, _P04),
    ),
    Mutant(
        name="what can never succeed is tried again",
        file=_DEAD,
        before="        if failure is Failure.PERMANENT:\n",
        after="        if failure is None:\n",
        because="Refusals that cannot change are asked for over and over.",
        killers=(_DEAD_LAWS,),
    ),
    Mutant(
        name="every client error is tried again",
        file=_DEAD,
        before="Failure.TRANSIENT if status in _TRY_AGAIN_STATUSES else",
        after="Failure.TRANSIENT if status in _TRY_AGAIN_STATUSES or status < 500 else",
        because="A conflict or a bad order is retried to the dead letters, with all the load.",
        killers=(f"{_DEAD_LAWS}::test_no_refusal_is_asked_again_but_those_that_say_so",),
    ),
    Mutant(
        name="jitter shortens the wait",
        file=_DEAD,
        before="return least_ns + int(uniform * (least_ns * jitter_percent // 100))",
        after="return least_ns - int(uniform * (least_ns * jitter_percent // 100))",
        because="Retries come before what they wait for can have recovered.",
        killers=(_DEAD_LAWS,),
    ),
    Mutant(
        name="a requeue does not start the count again",
        file=_DEAD,
        before="            requeues=deliveries.requeues + 1,\n",
        after="            attempts=deliveries.attempts,\n"
        "            requeues=deliveries.requeues + 1,\n",
        because="A job that a person took back is dead before it is tried.",
        killers=(_DEAD_LAWS,),
    ),
    Mutant(
        name="a key is everybody's",
        file=_KEYS,
        before="return fingerprint_of((_bytes(tenant), _bytes(key)))",
        after="return fingerprint_of((_bytes(key),))",
        because="One tenant is given the answer to another tenant's request.",
        killers=(_KEYS_LAWS,),
    ),
    Mutant(
        name="parts run into each other",
        file=_KEYS,
        before='        digest.update(b"%d:" % len(part))\n',
        after="",
        because="Two requests that differ in where a part ends are taken for one.",
        killers=(_KEYS_LAWS,),
    ),
    Mutant(
        name="the fingerprint is not looked at",
        file=_KEYS,
        before="if known.fingerprint != fingerprint:",
        after="if known.answer is None and known.fingerprint != fingerprint:",
        because="A client that reuses a key is told that something else was done for it.",
        killers=(_KEYS_LAWS,),
    ),
    Mutant(
        name="started is treated as done",
        file=_KEYS,
        before="    if known.answer is not None:\n        return Replay(known.answer)",
        after="    if known.run:\n        return Replay(known.answer or known.work_id)",
        because="A request whose runner died is answered as done and never carried out.",
        killers=(_KEYS_LAWS, _P04),
    ),
    Mutant(
        name="a new run has a new work id",
        file=_KEYS,
        before="return Run(known.work_id, known.run + 1)",
        after="return Run(work_id, known.run + 1)",
        because="The sink cannot know the second attempt for the first one's, and acts twice.",
        killers=(_KEYS_LAWS, _P04),
    ),
    Mutant(
        name="a sleeper's answer replaces its heir's",
        file=_KEYS,
        before="if known is None or known.answer is not None or known.run != run:\n"
        "            return None if",
        after="if known is None:\n            return None if",
        because="Two clients are told different answers to one request.",
        killers=(_KEYS_LAWS,),
    ),
    Mutant(
        name="keys are kept as long as retries go on and no longer",
        file=_KEYS,
        before="if self.kept_ns <= self.retry_horizon_ns + self.clock_skew_ns:",
        after="if self.kept_ns < self.retry_horizon_ns:",
        because="The last retry meets no record, and is carried out again.",
        killers=(f"{_KEYS_LAWS}::test_keys_that_somebody_may_outlive_by_retrying_are_refused",),
    ),
    Mutant(
        name="a full store forgets its oldest key",
        file=_KEYS,
        before="                    return None\n                # Whoever slept",
        after="                    del self._records[next(iter(self._records))]\n"
        "                # Whoever slept",
        because="Under load keys go before their time, and their requests happen twice.",
        killers=(_KEYS_LAWS,),
    ),
    Mutant(
        name="age counts from the latest item",
        file=_BATCH,
        before="        batch.weight += weight\n",
        after="        batch.weight += weight\n        batch.opened_ns = now_ns\n",
        because="A trickle of items keeps the first of them waiting for ever.",
        killers=(_BATCH_LAWS,),
    ),
    Mutant(
        name="a batch is a nanosecond late",
        file=_BATCH,
        before="if self._now_ns - batch.opened_ns < self._limits.age_max_ns:",
        after="if self._now_ns - batch.opened_ns <= self._limits.age_max_ns:",
        because="Whoever asks at the stated time is told nothing, and asks again without end.",
        killers=(_BATCH_LAWS,),
    ),
    Mutant(
        name="an item joins although it does not fit",
        file=_BATCH,
        before="weight_max - weight < max(added, 1)",
        after="weight_max - weight < 1",
        because="A batch is larger than the device's memory.",
        killers=(_BATCH_LAWS,),
    ),
    Mutant(
        name="a shutdown leaves open batches behind",
        file=_BATCH,
        before="return tuple(self._take(key) for key in tuple(self._open))",
        after="return self.due(self._now_ns)",
        because="What was accepted last before a deployment is never carried out.",
        killers=(_BATCH_LAWS,),
    ),
    Mutant(
        name="an item that comes leaves what is overdue where it is",
        file=_BATCH,
        before="        gone = list(self.due(now_ns))\n",
        after="        gone = []\n",
        because="Under load nobody asks what is due, and the other keys' items wait on.",
        killers=(_BATCH_LAWS,),
    ),
    Mutant(
        name="the studio claims a key in two steps",
        file=_STUDIO,
        before="            earlier = await self._client.set(\n"
        "                _name(user, key), record, px=kept_ms, nx=True, get=True\n"
        "            )",
        after="            earlier = await self._client.get(_name(user, key))\n"
        "            if earlier is None:\n"
        "                await self._client.set(_name(user, key), record, px=kept_ms)",
        because="Two requests at once under one key become two jobs.",
        killers=(
            f"{_AGREEMENT}::test_of_many_claims_at_once_one_is_first_and_all_lead_to_its_job",
        ),
    ),
    Mutant(
        name="the studio does not record that the job is in the queue",
        file=_STUDIO,
        before="record = json.dumps([fingerprint, job_id, job_id])",
        after="record = json.dumps([fingerprint, job_id, None])",
        because="A job that the queue has forgotten is done again while its key still stands.",
        killers=(
            _AGREEMENT,
            f"{_LIVE}::test_a_job_that_the_queue_has_forgotten_is_not_done_again_while_its_key_stands",
        ),
    ),
    Mutant(
        name="the worker counts only the failures it sees",
        file=_BULL,
        before="before = Deliveries(attempts=taken.attempt - 1)",
        after="before = Deliveries(attempts=job.attemptsMade)",
        because="A job that kills its workers comes back until BullMQ itself gives up.",
        killers=(f"{_LIVE}::test_killed_and_sleeping_workers_leave_each_job_done_once_or_dead",),
    ),
    Mutant(
        name="waits follow the failures that BullMQ counts",
        file=_BULL,
        before="match self._after(job.attemptsStarted, Failure.TRANSIENT):",
        after="match self._after(_failed, Failure.TRANSIENT):",
        because="After two dead workers the next attempt comes as fast as after none.",
        killers=(
            f"{_LIVE}::test_attempts_that_fell_silent_make_the_next_wait_longer_and_no_wait_is_endless",
        ),
    ),
)
