"""Planted bugs around GPU placement: room, leases, the queue, the simulated pool, the judges."""

from typing import Final

from properties.mutants.mutant import Mutant

_ROOM: Final = "policies/device_room.py"
_LEASES: Final = "policies/placement.py"
_QUEUE: Final = "policies/backfill.py"
_POOL: Final = "sim/models/gpus.py"
_INTERVALS: Final = "properties/checkers/intervals.py"
_PLACEMENT_LAWS: Final = "properties/policies/test_placement.py"
_QUEUE_LAWS: Final = "properties/policies/test_backfill.py"
_ORDERS: Final = "properties/test_p12_gpu_allocation.py"
_SIMULATED: Final = "properties/test_p12_gpu_allocation_simulated.py"
_SWEEPS: Final = "properties/checkers/test_intervals.py"

_ROOM_MUTANTS: Final = (
    Mutant(
        name="a gigabyte is a gibibyte",
        file=_ROOM,
        before="1000**power",
        after="1024**power",
        because=(
            "A job of 80 GB is refused by a device of 80 GB, or does not fit one "
            "that was bought by the other number."
        ),
        killers=(f"{_PLACEMENT_LAWS}::test_memory_means_powers_of_ten_or_of_two_as_its_unit_says",),
    ),
    Mutant(
        name="half the peak counts, as if it were an average",
        file=_ROOM,
        before="    if memory_bytes > free_bytes:\n",
        after="    if memory_bytes // 2 > free_bytes:\n",
        because="Two jobs run side by side until both reach their peaks, and one is killed for it.",
        killers=(f"{_ORDERS}::test_whatever_the_order_no_device_holds_more_than_its_memory",),
    ),
    Mutant(
        name="what just fits is refused",
        file=_ROOM,
        before="    if memory_bytes > free_bytes:\n",
        after="    if memory_bytes >= free_bytes:\n",
        because="A job of exactly the free memory waits for ever.",
        killers=(f"{_ORDERS}::test_a_job_that_fits_the_free_memory_of_one_device_is_placed_there",),
    ),
    Mutant(
        name="one slice too many",
        file=_ROOM,
        before="    while start + wanted <= slices:\n",
        after="    while start + wanted <= slices + 1:\n",
        because="The driver refuses the last slice, and the job that was given it never starts.",
        killers=(
            f"{_PLACEMENT_LAWS}::test_slices_are_given_out_at_the_first_place_where_they_may_begin",
        ),
    ),
    Mutant(
        name="slices are not aligned",
        file=_ROOM,
        before="        start += length\n",
        after="        start += 1\n",
        because="The driver refuses a placement that the ledger has given out.",
        killers=(
            f"{_PLACEMENT_LAWS}::test_slices_are_given_out_at_the_first_place_where_they_may_begin",
        ),
    ),
    Mutant(
        name="who shares meets who has slices",
        file=_ROOM,
        before="    if sharers > 0 or wanted > slices:\n",
        after="    if wanted > slices:\n",
        because="A device cannot be cut while somebody uses it whole.",
        killers=(
            f"{_PLACEMENT_LAWS}::test_slices_are_given_out_at_the_first_place_where_they_may_begin",
        ),
    ),
    Mutant(
        name="a slice keeps no sharer out",
        file=_ROOM,
        before="        return 0 if taken == 0 else NO_ROOM\n",
        after="        return 0\n",
        because="A job that paid for a slice of its own has company.",
        killers=(
            f"{_PLACEMENT_LAWS}::test_slices_are_given_out_at_the_first_place_where_they_may_begin",
        ),
    ),
    Mutant(
        name="a gang gets what there is",
        file=_ROOM,
        before="        if len(found) < ask.devices:\n",
        after="        if not found:\n",
        because=(
            "A gang starts with half of its devices, and waits for the rest with them in its hands."
        ),
        killers=(f"{_PLACEMENT_LAWS}::TestLeases",),
    ),
    Mutant(
        name="ties go to the last device",
        file=_ROOM,
        before="        found.sort()\n",
        after="        found.sort(key=lambda each: (each[0], -each[1]))\n",
        because="Two gateways, or the ledger and the simulator, place the same jobs differently.",
        killers=(f"{_PLACEMENT_LAWS}::TestLeases",),
    ),
    Mutant(
        name="worst fit is best fit",
        file=_ROOM,
        before="        return -left_bytes\n",
        after="        return left_bytes\n",
        because="Jobs that were to be spread over the devices are packed onto one.",
        killers=(f"{_PLACEMENT_LAWS}::test_each_job_goes_where_the_strategy_says",),
    ),
)

_LEASES_MUTANTS: Final = (
    Mutant(
        name="a lease lasts a nanosecond longer",
        file=_LEASES,
        before="            if now_ns < lease.until_ns:\n",
        after="            if now_ns <= lease.until_ns:\n",
        because=(
            "Holder and ledger disagree on the last moment, and the room is free "
            "later than promised."
        ),
        killers=(f"{_PLACEMENT_LAWS}::TestLeases",),
    ),
    Mutant(
        name="tokens begin anew when nobody holds anything",
        file=_LEASES,
        before="        self._token += 1\n",
        after="        self._token = len(self._leases) + 1\n",
        because="Whoever wakes up has the token of the one who has its devices now.",
        killers=(f"{_PLACEMENT_LAWS}::TestLeases",),
    ),
    Mutant(
        name="a gang leaves its other devices behind",
        file=_LEASES,
        before="        self._rooms.vacate(lease.ask, lease.slots)\n",
        after="        self._rooms.vacate(lease.ask, lease.slots[:1])\n",
        because="Each gang that is cancelled leaks memory, until nothing fits any more.",
        killers=(f"{_ORDERS}::test_whatever_the_order_no_device_holds_more_than_its_memory",),
    ),
    Mutant(
        name="any device works for any token",
        file=_LEASES,
        before="return lease is not None and any(slot.device == device for slot in lease.slots)",
        after="return lease is not None",
        because="A job writes over the memory of another on a device that it was never given.",
        killers=(f"{_PLACEMENT_LAWS}::TestLeases",),
    ),
    Mutant(
        name="devices ask for no valid lease",
        file=_LEASES,
        before="return lease is not None and any(slot.device == device for slot in lease.slots)",
        after="return 1 <= token <= self._token",
        because="One who was stopped and wakes up works beside the one who has the device now.",
        killers=(
            f"{_ORDERS}::test_whatever_the_order_no_device_holds_more_than_its_memory",
            f"{_PLACEMENT_LAWS}::TestLeases",
        ),
    ),
    Mutant(
        name="a lease under a job's name is the job's",
        file=_QUEUE,
        before="if not isinstance(placement, DeviceLease) or placement.token in held:",
        after="if not isinstance(placement, DeviceLease):",
        because="Two work under one lease, and whoever ends first ends the other's.",
        killers=(
            f"{_QUEUE_LAWS}::test_a_lease_that_somebody_took_under_the_name_of_a_job_that_waits_is_not_the_job_s",
        ),
    ),
    Mutant(
        name="a lost answer takes room twice",
        file=_LEASES,
        before="        if token is not None:\n",
        after="        if token is not None and self._leases[token].ask != ask:\n",
        because="Each retry after a lost answer takes room that nobody ever gives back.",
        killers=(f"{_PLACEMENT_LAWS}::TestLeases",),
    ),
    Mutant(
        name="a lost device keeps a lease alive",
        file=_LEASES,
        before="        for lease in over:\n",
        after="        for lease in over[1:]:\n",
        because="A job waits for ever on a device that is gone.",
        killers=(f"{_PLACEMENT_LAWS}::TestLeases",),
    ),
    Mutant(
        name="a lease that ran out is renewed",
        file=_LEASES,
        before="        self._end_overdue(now_ns)\n        lease = self._leases.pop(token, None)\n",
        after="        lease = self._leases.pop(token, None)\n",
        because="Room that others were promised stays with one who was silent.",
        killers=(
            f"{_PLACEMENT_LAWS}::test_a_lease_is_renewed_until_it_has_run_out_though_nobody_else_asked",
        ),
    ),
)

_QUEUE_MUTANTS: Final = (
    Mutant(
        name="last in, first out",
        file=_QUEUE,
        before="        rank = rank_ns(submitted_ns, job.priority, self._head_start_ns)\n",
        after="        rank = -rank_ns(submitted_ns, job.priority, self._head_start_ns)\n",
        because="A large job starves as long as anybody comes after it.",
        killers=(
            f"{_SIMULATED}::test_a_stream_of_small_jobs_does_not_starve_a_large_one",
            f"{_QUEUE_LAWS}::test_a_stream_of_small_jobs_does_not_starve_a_large_one",
        ),
    ),
    Mutant(
        name="whoever fits starts",
        file=_QUEUE,
        before="        fits = then.choose(head.ask) is not None\n",
        after="        fits = True\n",
        because="Small jobs take the room that the large one at the head waits for.",
        killers=(
            f"{_QUEUE_LAWS}::test_a_job_starts_by_the_time_that_was_reserved_when_it_became_the_head",
        ),
    ),
    Mutant(
        name="a moment too late is in time",
        file=_QUEUE,
        before="    return declared_ns <= reserved_ns - now_ns\n",
        after="    return declared_ns <= reserved_ns - now_ns + 1\n",
        because="The head starts later than it was told, each time by a little.",
        killers=(
            f"{_QUEUE_LAWS}::test_a_job_starts_by_the_time_that_was_reserved_when_it_became_the_head",
        ),
    ),
    Mutant(
        name="the second who starts early does not see the first",
        file=_QUEUE,
        before="                    then.occupy(job.ask, lease.slots)\n",
        after="                    then.choose(job.ask)\n",
        because="Each fits beside the head alone; together they keep it out.",
        killers=(
            f"{_QUEUE_LAWS}::test_a_job_starts_by_the_time_that_was_reserved_when_it_became_the_head",
        ),
    ),
    Mutant(
        name="nobody starts early",
        file=_QUEUE,
        before="if self._leaves_the_head_its_start(job, head, reserved_ns, then, now_ns):",
        after="if reserved_ns == NEVER_NS:",
        because="Devices idle for hours before a large job, although small ones would fit.",
        killers=(
            f"{_QUEUE_LAWS}::test_a_job_starts_by_the_time_that_was_reserved_when_it_became_the_head",
        ),
    ),
    Mutant(
        name="an overrun ended in the past",
        file=_QUEUE,
        before="    return max(declared_end_ns, now_ns)\n",
        after="    return declared_end_ns\n",
        because="A start is promised for a time that is over.",
        killers=(f"{_QUEUE_LAWS}::test_overruns_delay_the_head_by_no_more_than_they_are",),
    ),
    Mutant(
        name="priority without an end",
        file=_QUEUE,
        before="    return submitted_ns - priority * head_start_ns\n",
        after="    return submitted_ns - priority * 2**52\n",
        because="As long as anybody important comes, others never have their turn.",
        killers=("tests/policies/test_backfill.py::test_priority_is_a_head_start_and_no_more",),
    ),
    Mutant(
        name="a job that waits behind is forgotten",
        file=_QUEUE,
        before="        for waiting in self._waiting[1:]:\n",
        after="        for waiting in self._waiting[2:]:\n",
        because="A job that was acknowledged never starts.",
        killers=(
            f"{_QUEUE_LAWS}::test_a_job_starts_by_the_time_that_was_reserved_when_it_became_the_head",
        ),
    ),
)

_POOL_MUTANTS: Final = (
    Mutant(
        name="a result counts although the devices were taken away",
        file=_POOL,
        before="            return\n        if out_of_memory:\n",
        after=(
            "            self._tell(Step.DONE, attempt, lease)\n"
            "            return\n"
            "        if out_of_memory:\n"
        ),
        because="A job is done twice: by one who had lost its devices, and by the next attempt.",
        killers=(
            f"{_SIMULATED}::test_every_job_is_done_once_or_given_up_once_and_none_is_forgotten",
        ),
    ),
    Mutant(
        name="a job whose worker died is forgotten",
        file=_POOL,
        before="                self._fail(lease, Step.RAN_OUT)\n",
        after="                self._running.pop(lease.token)\n",
        because="The room is free, and nobody ever does the job.",
        killers=(
            f"{_SIMULATED}::test_every_job_is_done_once_or_given_up_once_and_none_is_forgotten",
        ),
    ),
    Mutant(
        name="who is tried again goes to the end of the line",
        file=_POOL,
        before="self.queue.submit(queued, attempt.submitted_ns)",
        after="self.queue.submit(queued, self._timeline.now_ns)",
        because="A job whose devices fail now and then starves behind all that came after it.",
        killers=("tests/sim/test_gpus.py::test_who_is_tried_again_keeps_its_place",),
    ),
    Mutant(
        name="tried once too often",
        file=_POOL,
        before="attempt.number == self._rules.attempts_max",
        after="attempt.number > self._rules.attempts_max",
        because="A job that kills its worker each time comes back more often than it may.",
        killers=(
            f"{_SIMULATED}::test_every_job_is_done_once_or_given_up_once_and_none_is_forgotten",
        ),
    ),
    Mutant(
        name="out of memory once, out of memory always",
        file=_POOL,
        before="        if step is Step.OUT_OF_MEMORY:\n            ask",
        after="        if step is Step.DONE:\n            ask",
        because="A job fails for the same reason each time, with larger classes of memory idle.",
        killers=(f"{_SIMULATED}::test_without_lost_devices_only_a_job_s_own_doing_ends_it",),
    ),
    Mutant(
        name="nobody looks at the queue when room was given back",
        file=_POOL,
        before=(
            "            self._tell(Step.DONE, self._running.pop(lease.token), lease)\n"
            "        self._start()\n"
        ),
        after="            self._tell(Step.DONE, self._running.pop(lease.token), lease)\n",
        because="Jobs wait before empty devices until somebody else submits one.",
        killers=(
            f"{_SIMULATED}::test_no_device_has_more_than_its_memory_and_all_is_free_in_the_end",
        ),
    ),
)

_INTERVALS_MUTANTS: Final = (
    Mutant(
        name="what may have been is taken for what was",
        file=_INTERVALS,
        before="    return span.begun.latest_ns, span.ended.earliest_ns\n",
        after="    return span.begun.earliest_ns, span.ended.latest_ns\n",
        because="A history of killed workers is called broken, although nobody can know.",
        killers=(
            f"{_SWEEPS}::test_with_vague_ends_it_is_broken_if_it_must_be_and_unknown_if_it_may_be",
        ),
    ),
    Mutant(
        name="what nobody can know passes",
        file=_INTERVALS,
        before="    for certain, verdict in ((True, broken), (False, unknown)):\n",
        after="    for certain, verdict in ((True, broken), (True, unknown)):\n",
        because="A history in which two may have met passes for one in which they did not.",
        killers=(
            f"{_SWEEPS}::test_with_vague_ends_it_is_broken_if_it_must_be_and_unknown_if_it_may_be",
        ),
    ),
    Mutant(
        name="who comes when another goes meets it",
        file=_INTERVALS,
        before="        if begin_ns < end_ns:\n            # At",
        after="        if begin_ns <= (end_ns := end_ns + 1):\n            # At",
        because="Devices that are handed over are called overcommitted.",
        killers=(
            f"{_SWEEPS}::test_with_known_ends_the_sweep_finds_what_a_look_at_every_nanosecond_finds",
        ),
    ),
)

MUTANTS: Final = (
    *_ROOM_MUTANTS,
    *_LEASES_MUTANTS,
    *_QUEUE_MUTANTS,
    *_POOL_MUTANTS,
    *_INTERVALS_MUTANTS,
)
