"""The simulator: the same platform and the same policies, in simulated time."""
