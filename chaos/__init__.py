"""Claims about faults, judged over histories."""
