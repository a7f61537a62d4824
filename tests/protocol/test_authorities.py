# SPDX-License-Identifier: Apache-2.0
"""The published authorities: what the data says, and how a name is found in it."""

from datetime import date
from pathlib import Path

import pytest

from stemtide.hub.rooms.parties.rules.competences import MEMBER_STATES
from stemtide.protocol.enums import Duty
from stemtide.protocol.law.authorities import (
    Authority,
    AuthorityDataError,
    published,
    read_authorities,
)

ROOT = Path(__file__).parents[2]


def every():
    return [(state, one) for state, rows in published().items() for one in rows.authority]


def test_each_authority_has_a_member_state_a_source_and_a_date():
    assert set(published()) <= MEMBER_STATES
    for state, one in every():
        assert one.points, state
        assert one.source, state
        assert date(2021, 6, 7) <= one.as_of <= date(2026, 11, 29), state


def test_what_is_marked_as_read_in_the_list_names_the_list():
    listed = [(state, one) for state, one in every() if one.in_list]
    assert {state for state, _ in listed} == {"BE", "BG", "DK"}
    for _, one in listed:
        assert "OJ C 224, 27.6.2023" in one.source


def test_no_state_is_complete_for_a_duty_that_nobody_has_but_belgium():
    """The Commission's list has no authority of Belgium for points (c) and (d)."""
    for state, rows in published().items():
        empty = [duty for duty in Duty if rows.is_complete_for(duty) and not rows.named_for(duty)]
        assert empty == ([Duty.MEASURES, Duty.PENALTIES] if state == "BE" else []), state


def test_no_contact_is_a_persons():
    """A function can be written to for years; a person's address is personal data."""
    assert not [one.contact for _, one in every() if "@" in one.contact]


@pytest.mark.parametrize(
    "title",
    ["Bundeskriminalamt (BKA)", "BUNDESKRIMINALAMT", "bka", "  Bundeskriminalamt, (Germany)"],
)
def test_an_authority_is_found_by_its_name_whatever_case_and_brackets(title):
    (authority,) = published()["DE"].named_for(Duty.ISSUE)
    assert authority.is_called(title)


@pytest.mark.parametrize("title", ["", "()", "Bundeskriminalamt Wien", "Bund", "B K A"])
def test_a_name_that_only_resembles_it_is_another(title):
    (authority,) = published()["DE"].named_for(Duty.ISSUE)
    assert not authority.is_called(title)


def test_accents_do_not_hide_a_name():
    assert published()["BE"].authority[0].is_called("parquet federal")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[BE", "is no TOML"),
        ("[XX]", "XX is no country code"),
        ('[BE]\ncomplete = ["e"]', "BE.complete"),
        ('[[BE.authority]]\nnames = []\npoints = ["a"]', "BE.authority.0.names"),
        ('[[BE.authority]]\nnames = ["A"]\npoints = ["a"]\nas_of = 2024-01-01', "source"),
    ],
)
def test_a_list_that_cannot_be_read_is_named_with_its_row(text, said):
    with pytest.raises(AuthorityDataError, match=said) as raised:
        read_authorities(text, name="own.toml")
    assert "own.toml" in str(raised.value)


def test_points_are_the_duties_in_the_order_of_the_article():
    facts = {"names": ("A",), "source": "S", "as_of": date(2023, 6, 27)}
    for point, duty in zip("abcd", Duty, strict=True):
        only = Authority(points=frozenset({point}), **facts)
        assert [one for one in Duty if only.is_for(one)] == [duty]


NAMES = {
    "AT": "Austria",
    "BE": "Belgium",
    "BG": "Bulgaria",
    "CY": "Cyprus",
    "CZ": "Czechia",
    "DE": "Germany",
    "DK": "Denmark",
    "EE": "Estonia",
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "GR": "Greece",
    "HR": "Croatia",
    "HU": "Hungary",
    "IE": "Ireland",
    "IT": "Italy",
    "LT": "Lithuania",
    "LU": "Luxembourg",
    "LV": "Latvia",
    "MT": "Malta",
    "NL": "Netherlands",
    "PL": "Poland",
    "PT": "Portugal",
    "RO": "Romania",
    "SE": "Sweden",
    "SI": "Slovenia",
    "SK": "Slovakia",
}


def test_the_guide_says_which_states_are_missing():
    lines = (ROOT / "docs/use/orders.md").read_text("utf-8").splitlines()
    states = published()
    complete = {state for state, rows in states.items() if rows.is_complete_for(Duty.ISSUE)}
    rows = {
        "| complete for issuing orders |": complete,
        "| in part |": states.keys() - complete,
        "| missing |": MEMBER_STATES - states.keys(),
    }
    for head, expected in rows.items():
        (line,) = [line for line in lines if line.startswith(head)]
        assert {state for state, name in NAMES.items() if name in line} == expected, head
