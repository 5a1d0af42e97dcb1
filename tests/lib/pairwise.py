"""All pairs: a short list of combinations in which every two values of different factors meet.

Most faults that depend on the machine depend on one property or on two together, so this finds
nearly what the full product finds, with a fraction of the boots.
"""
from itertools import combinations, product


def pairs_of(names, row):
    """The pairs ((factor, value), (factor, value)) of one combination."""
    return set(combinations(zip(names, row), 2))


def all_pairs(factors, allowed):
    """Combinations of FACTORS (name -> values) that ALLOWED accepts, with all pairs in them.

    Greedy: always take the combination that covers the most pairs not covered yet. The same input
    gives the same list.
    """
    names = list(factors)
    rows = [row for row in product(*factors.values()) if allowed(dict(zip(names, row)))]
    wanted = set().union(*(pairs_of(names, row) for row in rows))
    chosen = []
    while wanted:
        best = max(rows, key=lambda row: len(pairs_of(names, row) & wanted))
        chosen.append(best)
        wanted -= pairs_of(names, best)
    return chosen
