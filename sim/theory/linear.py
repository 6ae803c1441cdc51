"""Linear equations in a few unknowns."""

from collections.abc import Sequence


def solve(rows: Sequence[Sequence[float]], right: Sequence[float]) -> tuple[float, ...]:
    """Return the solution of ``rows`` times it equals ``right``.

    Args:
        rows: shape (n, n).
        right: shape (n,).

    Returns:
        Shape (n,).

    Raises:
        ValueError: there is none, or more than one.

    Source: C. F. Gauss; elimination with the largest pivot of each column.
    """
    size = len(right)
    table = [[*map(float, row), float(value)] for row, value in zip(rows, right, strict=True)]
    smallest = 1e-13 * max((abs(each) for row in table for each in row[:-1]), default=0.0)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(table[row][column]))
        if abs(table[pivot][column]) <= smallest:
            raise ValueError("the equations have no single solution")
        table[column], table[pivot] = table[pivot], table[column]
        for row in range(column + 1, size):
            factor = table[row][column] / table[column][column]
            for at in range(column, size + 1):
                table[row][at] -= factor * table[column][at]
    found = [0.0] * size
    for row in range(size - 1, -1, -1):
        known = sum(table[row][at] * found[at] for at in range(row + 1, size))
        found[row] = (table[row][size] - known) / table[row][row]
    return tuple(found)
