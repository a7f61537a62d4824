# SPDX-License-Identifier: Apache-2.0
import tomllib
from importlib.resources import files

import pytest

from stemtide.protocol.law import frameworks

SIX = {
    "real-world-event",
    "harm",
    "intimidation",
    "extremist-link",
    "virality",
    "national-measures",
}


def test_three_versions_are_carried():
    assert set(frameworks.frameworks()) == {"eucp-2019", "eucp-2023", "eu-ocrf-2026"}


@pytest.mark.parametrize("name", ["eucp-2019", "eucp-2023", "eu-ocrf-2026"])
def test_each_has_six_tests_and_needs_two_countries(name):
    found = frameworks.framework(name)
    assert set(found.tests) == SIX
    assert found.needs_countries == 2
    assert all(test.question.endswith("?") and test.source for test in found.tests.values())


NAMES = ["eucp-2019", "eucp-2023", "eu-ocrf-2026"]


@pytest.mark.parametrize("name", NAMES)
def test_stages_move_as_the_protocol_does(name):
    found = frameworks.framework(name)
    assert {one.name: one.moves for one in found.stages.values()} == {
        "early_warning": ("active", "closed"),
        "active": ("deescalating", "closed"),
        "deescalating": ("active", "closed"),
        "closed": ("ended",),
        "ended": (),
    }


@pytest.mark.parametrize("name", NAMES)
def test_activation_and_the_closure_of_what_was_activated_take_two_people(name):
    found = frameworks.framework(name)
    assert {one.name: one.two_people for one in found.stages.values()} == {
        "early_warning": ("active",),
        "active": ("closed",),
        "deescalating": ("closed",),
        "closed": (),
        "ended": (),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_live_crisis_is_asked_after_a_day_and_reviewed_after_two(name):
    active = frameworks.framework(name).stages["active"]
    assert (active.prompt_after_h, active.review_after_h) == (24, 48)


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_crisis_takes_late_signals_for_thirty_days(name):
    closed = frameworks.framework(name).stages["closed"]
    assert (closed.is_open, closed.tail_days) == (False, 30)


def test_the_latest_version_alone_thinks_of_victims_and_of_alerts():
    told = {
        name: " ".join(" ".join(one.prompts) for one in found.stages.values())
        for name, found in frameworks.frameworks().items()
    }
    assert [name for name in NAMES if "victim" in told[name]] == ["eu-ocrf-2026"]
    assert [name for name in NAMES if "alert" in told[name]] == ["eu-ocrf-2026"]


def test_an_unknown_framework_names_those_that_exist():
    with pytest.raises(frameworks.FrameworkError, match=r"known are eu-ocrf-2026, eucp-2019"):
        frameworks.framework("eucp-1999")


def text(name="eucp-2019"):
    return files("stemtide.protocol.law.frameworks").joinpath(f"{name}.toml").read_text("utf-8")


FAULTS = [
    ('moves = ["ended"]', 'moves = ["finished"]', "broken.toml there is no stage finished"),
    ("tail_days = 30", "", "closed says no tail_days"),
    ("tail_days = 30", "tail_days = -1", "stages.closed.tail_days"),
    ("prompt_after_h = 24", "", "give both or neither"),
    ("prompt_after_h = 24", "prompt_after_h = 72", "later than review_after_h"),
    ('two_people = ["active"]', 'two_people = ["ended"]', "two_people: ended is not among"),
    ('opener_may = ["closed"]', 'opener_may = ["ended"]', "opener_may: ended is not among"),
    ('moves = ["ended"]', "moves = []", "nothing leads from it to ended"),
    ("moves = []", 'moves = ["closed"]', "is to be the end"),
    ('is_open = false\nmoves = ["ended"]', 'is_open = true\nmoves = ["ended"]', "has no tail"),
    ('triage = "harm-virality-1"', 'triage = "dice"', "triage: there is none named dice"),
    ('leads = ["authority", "agency"]', 'leads = ["mob"]', "leads.0"),
    ("needs_countries = 2", "needs_countries = 2\nneeds_luck = 1", "needs_luck"),
    ("needs_countries = 2", "needs_countries =", "broken.toml is no TOML"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), FAULTS)
def test_a_fault_in_a_file_is_caught_at_load_and_named(right, wrong, message):
    broken = text().replace(right, wrong)
    assert broken != text()
    with pytest.raises(frameworks.FrameworkError, match=f"framework broken: .*{message}"):
        frameworks._read("broken", broken)


def test_a_checklist_without_tests_is_caught_at_load():
    broken = text()[: text().index("[tests.")] + "[tests]\n"
    assert tomllib.loads(broken)["tests"] == {}
    with pytest.raises(frameworks.FrameworkError, match="at least one test"):
        frameworks._read("broken", broken)
