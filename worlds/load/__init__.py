"""Live traffic: the arrivals that the simulator sees, sent to real servers on this machine.

The loop is open: every request has its time before the run starts, is sent then whatever
became of the ones before it, and its latency counts from that time. A server that stalls
therefore shows its stall in full.

Gevent patches the process that it lives in, so the generator has a process of its own
(``locustfile``); everything else here starts it and reads what it wrote.
"""
