# SPDX-License-Identifier: Apache-2.0
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from stemtide.hub.desk import labels as words, times
from stemtide.hub.desk.signals import glyphs
from stemtide.hub.desk.templatetags import desk
from stemtide.protocol.enums import Outcome
from tests.rounds import at_night

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def cells(path):
    """The set cells of a path, drawn one by one."""
    found = set()
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path):
        found |= {(int(x) + step, int(y)) for step in range(int(width))}
    return found


@at_night
@given(st.binary(min_size=32, max_size=32))
def test_a_glyph_has_a_cell_for_every_set_bit(value):
    bits = "".join(f"{byte:08b}" for byte in value)
    expected = {(at % 16, at // 16) for at, bit in enumerate(bits) if bit == "1"}
    assert cells(glyphs.pdq_path(value.hex())) == expected


@pytest.mark.parametrize("value", ["", "00", "zz" * 32])
def test_what_is_no_pdq_value_has_no_glyph(value):
    with pytest.raises(ValueError, match="hex"):
        glyphs.pdq_path(value)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (0, "just now"),
        (1.9, "just now"),
        (14, "14 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h 00 min ago"),
        (7500, "2 h 05 min ago"),
        (86_400, "1 d ago"),
        (-300, "in 5 min"),
        (-604_800, "in 7 d"),
    ],
)
def test_a_moment_is_said_in_relative_words(seconds, says):
    assert times.relative(NOON - timedelta(seconds=seconds), now=NOON) == says


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0, "00:00:00"), (8073, "02:14:33"), (86_400 + 61, "1 d 00:01:01"), (-5, "00:00:00")],
)
def test_a_clock_runs_from_a_moment(seconds, says):
    assert times.elapsed(NOON - timedelta(seconds=seconds), until=NOON) == says


def test_a_moment_in_full_is_utc():
    paris = datetime.fromisoformat("2026-03-04T13:03:11+01:00")
    assert times.stamp(paris) == "4 Mar 2026, 12:03:11 UTC"
    assert times.of_day(paris) == "12:03:11"


def test_bars_follow_each_other_in_proportion():
    counts = {"blocked": 50, "held": 25, "logged": 0, "reversed": 5}
    bars = desk.spread(counts, 100)["bars"]
    assert [(one["outcome"], one["x"], one["width"]) for one in bars] == [
        ("blocked", "0.0", "500.0"),
        ("held", "500.0", "250.0"),
        ("reversed", "750.0", "50.0"),
    ]
    assert desk.spread(dict.fromkeys(Outcome, 0), 0)["bars"] == []


def test_a_word_that_nobody_translated_is_shown_as_it_is():
    assert words.label("brand_new", "reason") == "brand new"
    assert words.tone("brand_new", "state") == "calm"
    assert words.label_title("brand-new") == "brand-new"
