"""Erlang's two formulas: how often all places are taken, and how often one has to wait."""


def erlang_b(offered: float, places: int) -> float:
    """Return the share of arrivals that is lost where nobody may wait (M/G/c/c).

    It depends on the mean of the service time only, whatever its distribution.

    Args:
        offered: places that would be busy on average if nobody were lost, in erlangs: the
            rate of arrivals times the mean service time; at least 0.
        places: at least 0.

    Source: A. K. Erlang (1917); the recursion is W. Jagerman's, Bell System Technical
    Journal 53 (1974). It adds and divides positive numbers only, so nothing cancels.
    """
    lost = 1.0
    for taken in range(1, places + 1):
        lost = offered * lost / (taken + offered * lost)
    return lost


def erlang_c(offered: float, places: int) -> float:
    """Return the share of arrivals that has to wait for a place (M/M/c).

    Args:
        offered: places that are busy on average, in erlangs; at least 0.
        places: at least 1.

    Raises:
        ValueError: there are not more places than are offered: the line grows for ever.

    Source: A. K. Erlang (1917), from his first formula as in R. B. Cooper, "Introduction to
    Queueing Theory" (1981), section 3.5.
    """
    utilisation = steady(offered, places)
    lost = erlang_b(offered, places)
    return lost / (1 - utilisation * (1 - lost))


def steady(offered: float, places: int) -> float:
    """Return the utilisation of ``places`` under ``offered`` erlangs, below 1.

    Raises:
        ValueError: it is not below 1.
    """
    if not offered < places:
        raise ValueError(f"no steady state: {offered:g} erlangs are offered, {places} can be done")
    return offered / places
