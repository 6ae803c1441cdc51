"""Agreement: what is told twice, told the same."""
