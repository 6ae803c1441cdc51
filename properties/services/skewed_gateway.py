"""A gateway whose clocks are wrong by ``SKEW_MS``, and which waits for its store.

Run as ``python -m properties.services.skewed_gateway``. The one module that reads clocks gets
others before anything of the gateway is imported; from there on it is the gateway's own code.

A store that is slow because the machine is busy is not taken for one that is away: who wants the
store away ends it, which is noticed at once.
"""

import os
import runpy

from reference_services.runtime import clock

if __name__ == "__main__":
    skew_ns = int(os.environ["SKEW_MS"]) * clock.NS_PER_MS
    monotonic_ns, unix_ns = clock.monotonic_ns, clock.unix_ns
    clock.monotonic_ns = lambda: monotonic_ns() + skew_ns
    clock.unix_ns = lambda: unix_ns() + skew_ns
    # Only now: what is imported takes the clocks with it.
    from reference_services.runtime import script_store

    script_store.ANSWER_TIMEOUT_NS = 15 * clock.NS_PER_S
    runpy.run_module("reference_services.gateway", run_name="__main__", alter_sys=True)
