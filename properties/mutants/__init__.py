"""Planted bugs: each a small change to our own code that some property must object to.

A property that was never seen to fail has not been tested. A module here holds the mutants of
one area in ``MUTANTS``; ``python -m properties.mutants`` applies each to a copy of the tree and
runs the properties that ought to object.
"""
