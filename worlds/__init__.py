"""Where a scenario runs: simulated, or as live processes on this machine.

A world is asked in the words of ``scenarios`` and answers with a record of what came of it. Only
here do the simulator and the reference services meet, and each is known to its own world alone.
"""
