# SPDX-License-Identifier: Apache-2.0
"""Patterns: OR is several, AND is none, and no text takes longer than it is long."""

import pytest
from hypothesis import given, strategies as st

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.stix.patterns import (
    BOUND,
    MAX_COMPARISONS,
    PLAIN,
    TOGETHER,
    UNREAD,
    Budget,
    Comparison,
    TooManyComparisonsError,
    read_patterns,
)
from tests.rounds import rounds

MD5 = "file:hashes.MD5 = '{}'"


def trees(inside):
    """Comparisons joined by OR in any nesting, as text and as the set of their values."""

    def join(parts):
        return " OR ".join(text for text, _ in parts), frozenset().union(
            *(found for _, found in parts)
        )

    def wrapped(one):
        return f"({one[0]})", one[1]

    leaf = st.text("abc'\\ ", max_size=4).map(inside)
    grown = lambda some: st.lists(some, min_size=1, max_size=3).map(join).map(wrapped)  # noqa: E731
    return st.recursive(leaf, grown, max_leaves=8)


def comparison(value):
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return MD5.format(quoted), frozenset({value})


@given(trees(comparison), trees(comparison))
def test_however_or_is_nested_it_asks_for_each_of_its_comparisons(one, other):
    asked = read_patterns(f"[{one[0]}] OR ([{other[0]}])")
    assert {pattern.value for pattern in asked.comparisons} == one[1] | other[1]
    assert (asked.others, asked.why) == (0, "")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("[file:hashes.MD5 = 'a' AND file:size = 7]", TOGETHER),
        ("[file:hashes.MD5 = 'a'] FOLLOWEDBY [file:hashes.MD5 = 'b']", TOGETHER),
        ("[file:hashes.MD5 = 'a'] OR [url:value = 'b' AND url:value = 'c']", TOGETHER),
        ("[file:hashes.MD5 NOT = 'a']", BOUND),
        ("[file:hashes.MD5 = 'a'] WITHIN 5 SECONDS", BOUND),
        ("[file:hashes.MD5 = 'a'] START t'2026-01-01T00:00:00Z'", BOUND),
        ("[file:name = 'a' OR file:size > 7]", PLAIN),
        ("[file:created > t'2026-01-01T00:00:00Z']", PLAIN),
        ("[network-traffic:extensions.'http-request-ext'.request_value = 'a']", PLAIN),
        ("", UNREAD),
        ("[file:hashes.MD5 = 'a')", UNREAD),
        ("(file:hashes.MD5 = 'a')", UNREAD),
        ("[[file:hashes.MD5 = 'a']]", UNREAD),
        ("[file:hashes.MD5 = 'a'] [file:hashes.MD5 = 'b']", UNREAD),
        ("[file:hashes.MD5 = 'a' OR]", UNREAD),
        ("[file:hashes.MD5 IN 'a']", UNREAD),
        ("[file:hashes.MD5 IN ('a' 'b')]", UNREAD),
        ("[file:hashes.MD5 IN ('a',", UNREAD),
        ("[file:hashes.MD5 'a']", UNREAD),
        ("[file:hashes.MD5 = ]", UNREAD),
        ("[file:hashes.MD5", UNREAD),
        ("[file:hashes[0].MD5 = 'a']", PLAIN),
        ("[file:hashes[x].MD5 = 'a']", UNREAD),
        ("[file:hashes[0 = 'a']", UNREAD),
        ("\x00", UNREAD),
    ],
)
def test_a_pattern_that_asks_for_nothing_here_says_why(pattern, why):
    asked = read_patterns(pattern)
    assert (asked.comparisons, asked.why) == ((), why)


def test_what_uploads_are_not_compared_with_is_counted_beside_the_rest():
    asked = read_patterns("[file:hashes.MD5 = 'A' OR file:name = 'b'] OR [file:size = 7]")
    assert asked.comparisons == (Comparison(Kind.MD5, "a"),)
    assert asked.others == 2


@pytest.mark.parametrize("place", ["0", "12", "*"])
def test_a_place_in_a_list_spoils_no_other_comparison(place):
    path = f"email-message:body_multipart[{place}].body_raw_ref.hashes.MD5"
    asked = read_patterns(f"[{path} = 'b' OR file:hashes.MD5 = 'a']")
    assert (asked.comparisons, asked.others) == ((Comparison(Kind.MD5, "a"),), 1)


HOSTILE = {
    "blanks": "[file:" + " " * 900_000,
    "blanks-inside": "[file:hashes.MD5" + " " * 900_000 + "= 'a'",
    "brackets": "(" * 900_000,
    "pairs": "()" * 400_000,
    "quotes": "[file:hashes.MD5 = '" + "\\" * 900_001,
    "path": "[file:" + "a'b'" * 200_000,
    "colons": "a:" * 400_000,
    "places": "[file:" + "[0]" * 300_000,
    "digits": "[file:a[" + "1" * 900_000,
    "words": "OR " * 300_000,
}


@pytest.mark.parametrize("name", rounds(["blanks", "quotes", "pairs"], nightly=[*HOSTILE]))
def test_a_pattern_as_long_as_an_object_may_be_is_read_in_passing(name):
    assert read_patterns(HOSTILE[name]).why == UNREAD


def test_more_comparisons_than_are_taken_are_refused_with_the_remedy():
    many = " OR ".join(MD5.format(number) for number in range(201))
    with pytest.raises(TooManyComparisonsError, match="post them as several indicators"):
        read_patterns(f"[{many}]")
    values = ", ".join(f"'{number}'" for number in range(300_000))
    with pytest.raises(TooManyComparisonsError):
        read_patterns(f"[file:hashes.MD5 IN ({values})]")


@given(st.text("[]()'\\ ORAND:=,ab.", max_size=40))
def test_any_text_is_read_as_something(text):
    asked = read_patterns(text)
    assert bool(asked.comparisons) != bool(asked.why)


def test_patterns_that_are_read_together_spend_one_budget_and_a_list_is_not_read_past_it():
    budget = Budget(comparisons=5, signals=5)
    two = f"[{MD5.format('1' * 32)} OR {MD5.format('2' * 32)}]"
    assert len(read_patterns(two, budget=budget).comparisons) == 2
    endless = "[file:size IN (" + ", ".join(["1"] * 10) + " no end"
    with pytest.raises(TooManyComparisonsError, match="with those before it"):
        read_patterns(endless, budget=budget)
    budget.spend_signals(2)
    with pytest.raises(TooManyComparisonsError, match="too many signals"):
        budget.spend_signals(2)
    budget.spend_signals(1)


def test_a_list_without_end_is_refused_at_the_first_value_too_many():
    endless = "[file:size IN (" + ", ".join(["1"] * (MAX_COMPARISONS + 1)) + " no end"
    with pytest.raises(TooManyComparisonsError):
        read_patterns(endless)
