"""What every reference service stands on: settings, clock, telemetry, errors, serving.

A service is three small things: its settings (``ServiceSettings``), a function that builds its
application (``base_app``) and a ``__main__`` that calls ``run_service``. Everything that must be
the same everywhere is written once, here: how a missing setting is named, how time is read, what
``/healthz``, ``/readyz`` and ``/metrics`` answer, what an error looks like, how a process ends.

Drivers live here too: they read the clock, draw the chance, ask a policy, raise what it decided.
"""
