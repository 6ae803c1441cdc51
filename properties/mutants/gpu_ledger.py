"""Planted bugs in the ledger of shared GPUs, which is Lua in the store."""

from typing import Final

from properties.mutants.mutant import Mutant

_LUA: Final = "reference_services/runtime/gpu_ledger.lua"
_AGREEMENT: Final = "properties/agreement/test_lua_gpu_ledger.py"
_LIVE: Final = "properties/test_p12_gpu_allocation_live.py"

MUTANTS: Final = (
    Mutant(
        name="a lease ends a moment late",
        file=_LUA,
        before="'-inf', whole(now_us)",
        after="'-inf', '(' .. whole(now_us)",
        because="The room of a silent worker is free later than promised.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="numbers of fourteen digits",
        file=_LUA,
        before="'%.0f'",
        after="'%.14g'",
        because=(
            "Times and large memories are rounded, and leases end by up to a tenth "
            "of a second wrong."
        ),
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="one slice too many",
        file=_LUA,
        before="start + wanted <= device.slices",
        after="start + wanted <= device.slices + 1",
        because="The driver refuses the last slice, and the job that was given it never starts.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="slices are not aligned",
        file=_LUA,
        before="start = start + block_length(wanted)",
        after="start = start + 1",
        because="The driver refuses a placement that the ledger has given out.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="ties go to the last device",
        file=_LUA,
        before="one.index < other.index",
        after="one.index > other.index",
        because="What the simulator predicts is not what the ledger does.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="lost devices are used",
        file=_LUA,
        before="if device.present and start then",
        after="if start then",
        because="Jobs are placed where there is nothing any more, and fail one after the other.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="who shares meets who has slices",
        file=_LUA,
        before="if device.sharers > 0 then",
        after="if false then",
        because="A device cannot be cut while somebody uses it whole.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="a gang gets what there is",
        file=_LUA,
        before="if #found < gang then",
        after="if #found == 0 then",
        because=(
            "A gang starts with half of its devices, and waits for the rest with them in its hands."
        ),
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="memory is not given back",
        file=_LUA,
        before="device.free = device.free + memory",
        after="device.free = device.free",
        because="Each job leaks its memory, until nothing fits any more.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="a lost answer takes room twice",
        file=_LUA,
        before="    if held then\n",
        after="    if held and false then\n",
        because="Each retry after a lost answer takes room that nobody ever gives back.",
        killers=(
            f"{_LIVE}::test_a_lost_answer_takes_no_room_twice_and_a_lost_device_ends_a_whole_gang",
            _AGREEMENT,
        ),
    ),
    Mutant(
        name="a lost device ends no lease",
        file=_LUA,
        before="            end_lease(token)\n            table",
        after="            table",
        because="A job waits for ever on a device that is gone.",
        killers=(
            f"{_LIVE}::test_a_lost_answer_takes_no_room_twice_and_a_lost_device_ends_a_whole_gang",
        ),
    ),
    Mutant(
        name="tokens begin anew",
        file=_LUA,
        before="'HINCRBY', pool, 'token', 1",
        after="'HLEN', leases",
        because="Whoever wakes up has the token of the one who has its devices now.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="any device works for any token",
        file=_LUA,
        before="if not is_on(slots, device) then",
        after="if false then",
        because="A job writes over the memory of another on a device that it was never given.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="device 1 is device 10",
        file=_LUA,
        before="',' .. device .. ':'",
        after="',' .. device",
        because="With more than ten devices, one device works for the jobs of another.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="a renewal changes nothing",
        file=_LUA,
        before="'ZADD', ends, whole(until_us), token",
        after="'ZCARD', ends",
        because="Each job that takes longer than a lease loses its devices.",
        killers=(_AGREEMENT,),
    ),
    Mutant(
        name="devices ask for no valid lease",
        file=_LUA,
        before=(
            "    end_overdue(now_us)\n"
            "    local told = redis.call('HGET', leases, token)\n"
            "    if not told then\n"
            "        return 0\n"
            "    end\n"
            "    local memory, _, _, slots, holder = read_lease(told)\n"
        ),
        after=(
            "    end_overdue(now_us)\n"
            "    local told = redis.call('HGET', leases, token) or '10 0 1 0:0,1:0 nobody'\n"
            "    local memory, _, _, slots, holder = read_lease(told)\n"
        ),
        because="One who was stopped and wakes up works beside the one who has the device now.",
        killers=(
            f"{_LIVE}::test_a_worker_that_was_stopped_for_too_long_is_turned_away_by_its_token",
        ),
    ),
    Mutant(
        name="leases never run out",
        file=_LUA,
        before="redis.call('ZRANGEBYSCORE', ends, '-inf', whole(now_us))",
        after="redis.call('ZRANGEBYSCORE', ends, '-inf', 0)",
        because="What a killed worker had is gone for good.",
        killers=(_AGREEMENT,),
    ),
)
