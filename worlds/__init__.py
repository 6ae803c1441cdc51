"""Where a scenario runs: simulated, or as live processes on this machine."""
