"""Nanoseconds for one decision, one draw, one event."""
