"""A gateway whose clocks are wrong by ``SKEW_MS``, and which is a gateway otherwise.

Run as ``python -m properties.services.skewed_gateway``. The one module that reads clocks gets
others before anything of the gateway is imported; from there on it is the gateway's own code.
"""

import os
import runpy

from reference_services.runtime import clock

if __name__ == "__main__":
    skew_ns = int(os.environ["SKEW_MS"]) * clock.NS_PER_MS
    monotonic_ns, unix_ns = clock.monotonic_ns, clock.unix_ns
    clock.monotonic_ns = lambda: monotonic_ns() + skew_ns
    clock.unix_ns = lambda: unix_ns() + skew_ns
    runpy.run_module("reference_services.gateway", run_name="__main__", alter_sys=True)
