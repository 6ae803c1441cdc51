"""Renders the scenes that the studio queues, each in a process of its own, each only once."""
