"""One small program for each simulator, written as its users would write it.

Each runs in an environment of its own, so it may import that simulator, the standard library,
and from here only what needs nothing installed: :mod:`..work` and :mod:`.telling`.
"""
