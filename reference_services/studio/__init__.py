"""Takes orders for videos, hands out job ids at once, says how each goes, serves the video."""
