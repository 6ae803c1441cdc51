"""How hard the properties look: a little on every change, for long at night.

``ci`` is Hypothesis' own profile: derandomised, so that a red run is red again.
"""

from hypothesis import settings

settings.register_profile(
    "nightly", settings.get_profile("ci"), max_examples=10_000, derandomize=False
)
settings.load_profile("ci")
