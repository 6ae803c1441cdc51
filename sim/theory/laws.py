"""Laws that hold in every system, whatever its distributions, as long as it keeps up."""

from collections.abc import Sequence


def mean_number(rate_per_s: float, time_s: float) -> float:
    """Return how many are inside on average, if each stays ``time_s`` on average.

    Source: J. D. C. Little, "A proof for the queuing formula L = lambda W", Operations
    Research 9 (1961).
    """
    return rate_per_s * time_s


def mean_time_s(number: float, rate_per_s: float) -> float:
    """Return how long each stays on average, if ``number`` are inside on average.

    Source: as :func:`mean_number`.
    """
    return number / rate_per_s


def utilisation(rate_per_s: float, service_s: float, places: int) -> float:
    """Return the share of ``places`` that is busy; above 1, the line grows for ever.

    Source: P. Denning, J. Buzen, "The operational analysis of queueing network models",
    Computing Surveys 10 (1978).
    """
    return mean_number(rate_per_s, service_s) / places


def throughput_bound_per_s(demands_s: Sequence[float], think_s: float, customers: int) -> float:
    """Return what no closed network of stations with one place can exceed.

    Args:
        demands_s: service time that each customer needs of each station; one above 0.
        think_s: time between an answer and the next question.
        customers: how many there are.

    Source: as :func:`utilisation`.
    """
    return min(1 / max(demands_s), customers / (think_s + sum(demands_s)))
