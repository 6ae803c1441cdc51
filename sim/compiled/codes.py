"""The numbers by which the event loop tells things apart."""

from typing import Final

# What a request does next on its way: one row of its class's program.
CALL: Final = 0
LOOK_UP: Final = 1
FILL: Final = 2
READ: Final = 3
WRITE: Final = 4
ENQUEUE: Final = 5
RETURN: Final = 6

# What a frame is in the middle of, and goes on with when it is its turn.
RUN: Final = 0
ENTER: Final = 1
TURN: Final = 2
WORKED: Final = 3
WAITED: Final = 4
ANSWERED: Final = 5
"""A plain call was answered."""
JUDGED: Final = 6
"""A guarded call was answered, or its time is over."""
TRY: Final = 7
LOOKED_UP: Final = 8
NEWS: Final = 9
QUERY_TURN: Final = 10
QUERIED: Final = 11
INVALIDATED: Final = 12
ENQUEUED: Final = 13
JOBLESS: Final = 14
"""A worker looks for a job."""
JOB_TURN: Final = 15
JOB_DONE: Final = 16
LEASE_END: Final = 17
DEADLINE: Final = 18
SECOND: Final = 19
OUTSIDE: Final = 20
"""An event that the driver deals with: autoscalers, replicas that have started."""

END: Final = 21
"""It has its reply, and is to be ended."""
LATER: Final = 22
"""The driver wants its turn to come at a time."""
FINISH: Final = 23
"""The run is over; what has not been noted yet is."""

HEARD: Final = 24
"""A user has the answer to its request, and begins to think."""
THOUGHT: Final = 25
"""A user sends its next request."""

# How a call is answered: the statuses of sim.models.visit.Reply.
OK: Final = 200
LIMITED: Final = 429
UNAVAILABLE: Final = 503
TIMED_OUT: Final = 504
NONE: Final = 0
SILENT: Final = -1
"""No reply came before the caller's time was over."""

# How an operation ended, in the order of scenarios.history.Outcome.
ENDED_OK: Final = 0
REFUSED: Final = 1
FAILED: Final = 2
UNKNOWN: Final = 3

# What a circuit breaker does.
CLOSED: Final = 0
OPEN: Final = 1
HALF_OPEN: Final = 2

# Who is next in a line.
FIFO: Final = 0
LIFO: Final = 1
PRIORITY: Final = 2

# How callers pick a replica.
ROUND_ROBIN: Final = 0
LEAST_OUTSTANDING: Final = 1
POWER_OF_TWO: Final = 2
LATENCY_AWARE: Final = 3

# Why the event loop hands over to its driver.
REACHED: Final = 0
"""Everything before the end that was asked for has happened."""
ARRIVALS: Final = 1
"""The block of arrivals is used up."""
DRIVER: Final = 2
"""An event is the driver's to deal with."""
ROOM: Final = 3
"""An array is nearly full."""

NOBODY: Final = -1
"""In place of a number of somebody or something."""

FOREVER_NS: Final = 2**63 - 1
