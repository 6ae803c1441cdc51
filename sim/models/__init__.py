"""The platform in SimPy: short processes that wait for what production waits for.

Whatever decides (limits, breakers, retries, leases, balancing, autoscaling) is the object
from ``policies`` that runs in production. The models add what it takes to wait: places,
service times, queues. Each kind of part is a module; no part is known by its name.
"""
