"""What queueing theory knows exactly: closed formulas and short recursions, no simulation.

Theory computes in seconds and requests per second, as floats, with the unit in the name;
everything is a function of scalars, and the standard library is enough. Where a system has no
steady state the functions raise ``ValueError``; they return no negative waits. All of them
stay accurate for stations of ten thousand places: the recursions add and divide positive
numbers, and take no powers or factorials that could overflow.

Notation in the docstrings is Kendall's: arrivals / service / places / room. M is memoryless,
D constant, G anything, E_k a sum of k equal exponentials, PS processor sharing.
"""
