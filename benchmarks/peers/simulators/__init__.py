"""Wavetank beside other simulators: the same work, in turns, by processor time."""
