"""The reference platform as ordinary processes in one folder: no root, no Docker, no network.

One rule: nothing outlives its supervisor. However the supervising process ends, by ``down``, by
Ctrl-C or by ``kill -9``, a guardian ends every process that belonged to it.

The real parts (Valkey, PostgreSQL, Traefik) come as Python wheels and listen on loopback only.
"""
