"""Records, read by people: comparisons, pages and tables.

Nothing here runs anything: what is said follows from the records in a run's folder, and
the same folder always makes the same report.
"""
