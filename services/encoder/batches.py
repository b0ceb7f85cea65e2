"""Which texts run together: neighbors in length, so that little padding is computed."""

from __future__ import annotations

from collections.abc import Sequence

# What a run costs besides its tokens, in tokens of MiniLM on one thread (docs/log.md). USE's is in the same range.
_RUN_TOKENS = 12


def batches(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Positions in batches of at least one, each of at most `limit` tokens with its padding, at the lowest cost.

    The cost of a batch is its padded tokens and a constant. Among sorted lengths the best batches are neighbors, and the
    best split of the first n follows from those of fewer.
    """
    if len(lengths) == 1:
        return [[0]]
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    costs, starts = [0], [0]
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        first = max(0, end - max(1, limit // longest))
        cost, start = min(
            (costs[start] + _RUN_TOKENS + (end - start) * longest, start) for start in range(first, end)
        )
        costs.append(cost)
        starts.append(start)
    result = []
    end = len(order)
    while end:
        result.append(order[starts[end] : end])
        end = starts[end]
    return result
