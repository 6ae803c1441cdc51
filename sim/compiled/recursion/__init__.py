"""Runs without an event list: when a request leaves a station is known as soon as it comes there.

That holds where lines are first come, first served and nothing that happens later, such as a
time-out, can change what was begun: J. Kiefer and J. Wolfowitz, "On the theory of queues with
many servers" (1955). :mod:`sim.compiled.recursion.qualifying` says which scenarios are so. What
comes out is what the event loop says, to the nanosecond; where a tie cannot be decided, it is
asked instead.
"""
