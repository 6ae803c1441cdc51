"""Judges of histories: each answers holds, broken or unknown, and unknown is never a pass."""
