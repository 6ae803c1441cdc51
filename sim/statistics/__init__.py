"""What a simulation may honestly claim: estimates with intervals, or refusals with reasons.

Everything here works on records, histograms and numbers, whichever engine made them, and reads
no clock. An answer is an ``Estimate`` or a ``Refusal`` (``sim.statistics.honest``): a number
whose interval cannot be trusted is not quoted.
"""
