"""The vocabulary: what is run, and what came of it.

A :class:`Scenario` says what the platform is, what traffic arrives and what must
hold. A :class:`RunRecord` says what came of it, in the same words whether the
simulator or live servers answered. Nothing here runs anything.
"""
