"""Charts as inline SVG, written by hand: small, sharp in print, and alive without a script.

Colours and line styles come from the page's style sheet by class, so that one drawing
serves light, dark and paper. ``predicted`` is dashed and ``measured`` solid everywhere.
"""
