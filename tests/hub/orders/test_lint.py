# SPDX-License-Identifier: Apache-2.0
"""What the lint of Annex I finds before an order leaves."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.orders.rules import lint as rules_lint
from stemtide.hub.rooms.orders.rules.findings import Interest, InterestKind
from stemtide.hub.rooms.orders.rules.lint import LintFacts
from stemtide.protocol.law.forms import FaultKind, form
from tests.hub.orders.cast import ANNEX_1, ANNEX_2, after
from tests.world import NOON

GIVEN = {name: one for name, one in ANNEX_1.items()}  # noqa: C416  # a copy to change
INFORMED = NOON - timedelta(hours=13)


def findings(annex=None, **more):
    plain = {
        "issuing_state": "BE",
        "home_state": "FR",
        "homes": ("fr-referral-unit",),
        "is_first": True,
        "informed_at": INFORMED,
        "now": NOON,
    }
    values = {name: one for name, one in (GIVEN | (annex or {})).items() if one is not None}
    found = rules_lint.lint(values, facts=LintFacts(**(plain | more)))
    return [("error" if one.is_error else "warning", one.field, one.message) for one in found]


def test_a_form_that_is_right_has_no_findings():
    assert findings() == []


ABROAD = {"cross_border": True, "copy_sent": True}
URGENT = {"informed_at": None, "emergency": "An attack.", "emergency_ground": "ongoing_events"}
SECRET = {"non_disclosure": True}


@pytest.mark.parametrize(
    ("annex", "facts", "expected"),
    [
        ({"grounds": None}, {}, [("error", "grounds", "is missing")]),
        ({"urls": None}, {}, [("error", "urls", "is missing")]),
        ({"redress_link": None}, {}, [("error", "redress_link", "is missing")]),
        ({"urls": ["see thread 7"]}, {}, [("error", "urls", "not an exact web address")]),
        ({"urls": ["ftp://small-forum.example/7"]}, {}, [("error", "urls", "http")]),
        ({"urls": ["https://forum/7"]}, {}, [("error", "urls", "not a full name")]),
        (
            {"urls": ["https://bit.ly/3xyz"]},
            {},
            [("error", "urls", "is a short link")],
        ),
        (
            {"urls": ["https://small-forum.example/7"] * 2},
            {},
            [("error", "urls", "is there twice")],
        ),
        (
            {"urls": ["https://small-forum.example/"]},
            {},
            [("warning", "urls", "front page of a site")],
        ),
        (
            {"urls": ["https://small-forum.example/7", "https://other.example/8"]},
            {},
            [("warning", "urls", "are on 2 hosts")],
        ),
        (
            {"urls": ["https://small-forum.example/7", "https://www.small-forum.example/8"]},
            {},
            [],
        ),
        (
            {},
            {"interests": (Interest(InterestKind.ORDERED, "Police", url="https://a.example/1"),)},
            [("warning", "urls", "in an order of Police that is in effect")],
        ),
        (
            {},
            {"interests": (Interest(InterestKind.OWN, reference="RO-2026-00001"),)},
            [("warning", "signals", "in your order RO-2026-00001 already")],
        ),
        (
            {"cross_border": False, "copy_sent": False, "home_contact": None},
            {},
            [("error", "cross_border", "is not ticked")],
        ),
        ({"copy_sent": False}, {}, [("error", "copy_sent", "is not ticked")]),
        (
            {"cross_border": False, "home_contact": None},
            {"issuing_state": "FR"},
            [("error", "copy_sent", "stays in one Member State")],
        ),
        (
            {},
            {"issuing_state": "FR"},
            [("error", "cross_border", "both are in the same Member State")],
        ),
        (
            {"home_state": "DE"},
            {},
            [("error", "home_state", "the hub has the provider in FR")],
        ),
        ({"home_state": "DE"}, {"home_state": ""}, []),
        ({}, {"homes": ()}, [("warning", "copy_sent", "no authority of FR")]),
        (
            {**SECRET, "redress_authority": None},
            {},
            [
                ("error", "non_disclosure_until", "is missing"),
                ("error", "redress_authority", "is missing"),
            ],
        ),
        (
            {**SECRET, "non_disclosure_until": after(60 * 24 * 42).isoformat()},
            {},
            [],
        ),
        (
            {**SECRET, "non_disclosure_until": after(60 * 24 * 42 + 1).isoformat()},
            {},
            [("error", "non_disclosure_until", "more than six weeks")],
        ),
        (
            {**SECRET, "non_disclosure_until": NOON.isoformat()},
            {},
            [("error", "non_disclosure_until", "is in the past")],
        ),
        ({"signed_on": "2026-11-25"}, {}, []),
        ({"signed_on": "2026-11-26"}, {}, [("error", "signed_on", "is in the future")]),
        ({"signed_on": "2026-11-23"}, {}, []),
        ({"signed_on": "2026-11-22"}, {}, [("error", "signed_on", "before the day of issue")]),
        ({"signed_on": "today"}, {}, [("error", "signed_on", "is not a date")]),
        ({}, {"informed_at": None}, [("error", "emergency", "this is your first order")]),
        ({}, {"informed_at": NOON - timedelta(hours=12)}, []),
        (
            {},
            {"informed_at": NOON - timedelta(hours=11)},
            [("error", "emergency", "wait until 2026-11-24 13:00 UTC")],
        ),
        (
            {},
            {"informed_at": None, "emergency": "An attack."},
            [("error", "emergency_ground", "which serious harm makes this an emergency")],
        ),
        ({}, URGENT, []),
        ({}, {"emergency": "An attack."}, [("warning", "emergency", "was informed in time")]),
        ({}, {"is_first": False, "informed_at": None}, []),
        (
            {},
            {"is_first": False, "emergency": "An attack."},
            [("warning", "emergency", "has received orders from you before")],
        ),
        ({"reasons": "It is bad."}, {}, [("warning", "reasons", "is very short")]),
        (
            {},
            {"language": "en-GB", "languages": frozenset({"fr", "nl"})},
            [("warning", "language", "read fr, nl")],
        ),
        ({}, {"language": "fr-FR", "languages": frozenset({"fr"})}, []),
        ({"authority_mail": "write"}, {}, [("error", "authority_mail", "not an e-mail address")]),
        ({"authority_phone": "0475"}, {}, [("error", "authority_phone", "begin with +")]),
        ({"home_state": "France"}, {}, [("error", "home_state", "two letters")]),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_named(annex, facts, expected):
    found = findings(annex, **facts)
    assert [one[:2] for one in found] == [one[:2] for one in expected]
    for (_, _, said), (_, _, words) in zip(found, expected, strict=True):
        assert words in said


def test_flaws_come_before_doubts():
    found = findings({"reasons": "Bad.", "grounds": None, "signature": None})
    assert [one[0] for one in found] == ["error", "error", "warning"]


def test_every_kind_of_fault_has_words():
    annex = form("tco-annex-1")
    for kind in FaultKind:
        flaw = rules_lint._worded(rules_lint.FieldFault("grounds", kind, "urls"), annex)
        assert flaw.message
        assert "{" not in flaw.message


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reasons", "x" * 5001),
        ("signature", "x" * 501),
        ("urls", ["https://a.example/" + "x" * 4096]),
    ],
)
def test_a_field_that_is_too_long_says_how_long_it_may_be(field, value):
    with pytest.raises(InvalidError, match=r"is longer than (5000|500|4096) characters"):
        rules_lint.check_values({field: value}, name="tco-annex-1")


def test_an_answer_that_lies_in_the_future_is_refused_a_little_clock_drift_is_not():
    told = ANNEX_2 | {"measure_at": after(4).isoformat()}
    rules_lint.check_answer(told, name="tco-annex-2", now=NOON)
    with pytest.raises(InvalidError, match="is in the future"):
        rules_lint.check_answer(
            told | {"measure_at": after(6).isoformat()}, name="tco-annex-2", now=NOON
        )
