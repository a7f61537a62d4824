# SPDX-License-Identifier: Apache-2.0
import tomllib
from importlib.resources import files

import pytest

from stemtide.protocol import frameworks

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


@pytest.mark.parametrize("name", ["eucp-2019", "eucp-2023", "eu-ocrf-2026"])
def test_every_stage_leads_to_the_end_and_the_end_leads_nowhere(name):
    found = frameworks.framework(name)
    assert found.stages[found.closed_stage].moves == ()
    assert not found.stages[found.closed_stage].is_open
    assert found.active_stage in found.stages[found.first_stage].moves
    for stage in found.stages.values():
        assert stage.name == found.closed_stage or found.closed_stage in stage.moves


def test_an_unknown_framework_names_those_that_exist():
    with pytest.raises(frameworks.FrameworkError, match=r"known are eu-ocrf-2026, eucp-2019"):
        frameworks.framework("eucp-1999")


def text(name="eucp-2019"):
    return files("stemtide.protocol.frameworks").joinpath(f"{name}.toml").read_text("utf-8")


def test_a_stage_that_does_not_exist_is_caught_at_load():
    broken = text().replace('moves = ["closed"]', 'moves = ["finished"]')
    with pytest.raises(frameworks.FrameworkError, match="no stage finished"):
        frameworks._read("broken", broken)


def test_a_checklist_without_tests_is_caught_at_load():
    broken = text()[: text().index("[tests.")] + "[tests]\n"
    assert tomllib.loads(broken)["tests"] == {}
    with pytest.raises(frameworks.FrameworkError, match="at least one test"):
        frameworks._read("broken", broken)
