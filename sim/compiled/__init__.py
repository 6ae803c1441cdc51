"""The simulator as machine code: the same answers as the readable models, many times as fast.

Nothing is decided here in another way than there. Where a function of ``policies`` or of
``sim`` takes scalars, that very function is compiled; where it cannot be (closures, objects,
dictionaries), its twin computes the same from tables, with the same operations in the same
order, and a property in ``properties/sim`` holds the two to the same bits.

Numba and NumPy are imported only where something is compiled, and only by who asks for it.
"""
