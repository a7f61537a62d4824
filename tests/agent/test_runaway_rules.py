# SPDX-License-Identifier: Apache-2.0
"""Which matches are implausible, and of whose signals: rows of rate, usual share and support."""

import pytest

from stemtide.protocol.trust.runaway import (
    Rate,
    Support,
    Traffic,
    assess,
    matches_left,
    most_matches,
    usual_share,
)

MEMBER, NOBODY = Support(1, is_vouched=False), Support(0, is_vouched=False)
AUTHORITY, TWO = Support(1, is_vouched=True), Support(2, is_vouched=False)
TWO_WITH_AUTHORITY = Support(2, is_vouched=True)


def seen(matches, lookups, usual, *, day=10_000):
    """Traffic in which a signal had the same rate within the hour and since its first match."""
    rate = Rate(matches, lookups)
    return Traffic(rate, [rate], day, usual)


CASES = [
    # matches and look-ups of the hour, usual share, who stands behind the signal, what happens
    ("three matches never trip it", 3, 3, None, MEMBER, None),
    ("the floor for small numbers", 29, 100, None, MEMBER, None),
    ("above it, where nothing is known", 30, 100, None, MEMBER, "lowered"),
    ("a new party's word is no support", 30, 100, None, NOBODY, "lowered"),
    ("few of many, where nothing is known", 30, 3_000, None, MEMBER, None),
    ("twenty times the usual", 400, 20_000, 0.001, MEMBER, None),
    ("more than that", 401, 20_000, 0.001, MEMBER, "lowered"),
    ("an authority's outbreak grows", 49, 1_000, 0.0001, AUTHORITY, None),
    ("at exactly the most", 50, 1_000, 0.0001, AUTHORITY, None),
    ("no content is that share of all", 51, 1_000, 0.0001, AUTHORITY, "lowered"),
    ("fewer look-ups count as 1,000", 50, 50, 0.0001, AUTHORITY, None),
    ("what is too much of those need not wait for them", 51, 425, 0.0001, AUTHORITY, "lowered"),
    ("two parties' outbreak grows", 50, 1_000, 0.0001, TWO, None),
    ("two parties are only warned", 900, 1_000, 0.0001, TWO, "alarmed"),
    ("so is an authority with another", 900, 1_000, None, TWO_WITH_AUTHORITY, "alarmed"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_what_is_implausible(case):
    what, matches, lookups, usual, support, state = case
    verdict = assess(seen(matches, lookups, usual), support=support)
    assert (verdict and verdict[0].value) == state, what


def test_a_site_that_sees_little_says_nothing_about_an_authoritys_signal():
    assert not assess(seen(500, 999, None, day=999), support=AUTHORITY)
    assert assess(seen(500, 999, None, day=999), support=MEMBER)


@pytest.mark.parametrize("support", [MEMBER, NOBODY, AUTHORITY, TWO, TWO_WITH_AUTHORITY])
def test_a_signal_is_plausible_for_as_long_as_it_has_matches_left(support):
    """As many uploads as are left change nothing; the next may."""
    for matches, lookups, usual in ((0, 0, None), (20, 700, 0.0001), (35, 5_000, 0.001)):
        left = matches_left(seen(matches, lookups, usual), support=support)
        later = seen(matches + left, lookups + left, usual)
        assert not assess(later, support=support), later
        assert assess(seen(matches + left + 1, lookups, usual), support=support)


def test_the_usual_is_a_median_so_that_one_flood_is_not_usual():
    assert usual_share([], [0.001, 0.001, 0.001, 0.002, 0.9]) == 0.001
    assert usual_share([0.0, 0.0, 0.01, 0.02, 0.02, 0.9], []) == pytest.approx(0.015)


def test_the_usual_is_unknown_where_little_was_seen():
    assert usual_share([0.5] * 5, [0.5] * 4) is None
    assert most_matches(10_000, usual=None) == 100
