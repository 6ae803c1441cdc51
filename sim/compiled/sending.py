"""How requests begin: from the block of arrivals, or from users who wait for their answers."""

from scenarios.units import SECOND_NS
from sim.compiled.codes import HEARD, NOBODY, RUN, THOUGHT
from sim.compiled.draws import draw_ns
from sim.compiled.events import schedule
from sim.compiled.layout import State
from sim.compiled.machine_code import called, inlined
from sim.compiled.measures import OFFERED
from sim.compiled.pools import free_frame, new_frame, new_row, new_visit


@inlined
def begin(s: State, parent: int) -> int:
    """Send, now, what the next row of the block of arrivals says; return its frame.

    Args:
        s: the run.
        parent: frame that is told of the end; -1: nobody waits for it.
    """
    run = s.run[0]
    row = run.arrival_row
    class_index = s.arrivals.class_index[row]
    visit_number = new_visit(s)
    visit = s.visits[visit_number]
    visit.refs = 0
    visit.index = run.first_index + row
    visit.at_ns = run.now_ns
    visit.class_index = class_index
    visit.tier = s.arrivals.tier[row]
    visit.user = s.arrivals.user[row]
    visit.content = s.arrivals.key[row]
    visit.draws = s.arrivals.draw_key[row]
    visit.tries = 1
    visit.answered = 0
    number = new_frame(s, RUN, visit_number, parent)
    frame = s.frames[number]
    frame.pc = s.classes[class_index].program
    frame.replica = 0
    frame.path = 0
    frame.row = new_row(s)
    visit.row = frame.row
    s.rates[run.now_ns // SECOND_NS * 4 + OFFERED] += 1
    return number


@called
def think(s: State, number: int) -> int:
    """Let a user think until its next request, if that is in time."""
    run = s.run[0]
    frame = s.frames[number]
    user = s.users[frame.op]
    at_ns = run.now_ns + draw_ns(s.draws, run.think_draw, user.draws, user.sent)
    if at_ns >= run.measured_until_ns:
        free_frame(s, number)
        return NOBODY
    frame.state = THOUGHT
    schedule(s, at_ns, number)
    return NOBODY


@called
def ask(s: State, number: int) -> int:
    """Send a user's next request; return its frame."""
    run = s.run[0]
    frame = s.frames[number]
    user = s.users[frame.op]
    user.sent += 1
    frame.state = HEARD
    asked = begin(s, number)
    visit = s.visits[s.frames[asked].visit]
    visit.tier = user.tier
    visit.user = user.user
    run.arrival_row += 1
    if run.arrival_row == run.arrival_rows:
        run.is_short = 1
    return asked
