"""The command line: imports every floor, decides nothing."""
