# SPDX-License-Identifier: Apache-2.0
"""Scenarios: those that ship are good, and each mistake is named with file, table, key, remedy."""

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from stemtide.scenarios import reader
from stemtide.scenarios.acts import ACTS
from stemtide.scenarios.measures import MEASURES, MILESTONES

ROOT = Path(__file__).parents[2]
SHIPPED = [
    "copies-over-a-thousand-services",
    "false-alarm",
    "first-crisis",
    "learn-the-protocol",
    "livestream-in-two-states",
    "manifesto-and-mirror-sites",
    "national-only",
    "night-of-2000-referrals",
    "poisoned-signal",
]
GOOD = files("stemtide.scenarios").joinpath("false-alarm.toml").read_text("utf-8")

MISTAKES = {
    "colour": ('framework = "eucp-2023"', 'colour = "red"', "", "colour", "no such key"),
    "misspelt key": ("at_min = 5", "at_mins = 5", "[[injects]] 2 (copies)", "at_mins", "mean at_m"),
    "key of an act": ('kind = "tip"', 'knd = "tip"', "[[injects]] 4", "knd", "did you mean kind?"),
    "missing key": ("at_min = 5\n", "", "[[injects]] 2 (copies)", "at_min", "is missing: add it"),
    "act": ('act = "triage"', 'act = "triags"', "[[rules]] 4 (rate)", "", "use triage"),
    "translation": ('nl = "OEFENING. Een omroep', "#", "(press-call)", "nl", "translate text"),
    "no agency": ('kind = "agency"', 'kind = "authority"', "[cast]", "", "exactly one agency"),
    "framework": ('"eucp-2023"', '"eucp-2022"', "", "framework", "did you mean eucp-2023"),
    "country": ('country = "FR"', 'country = "XX"', "[cast.second-authority]", "country", "such"),
    "letters": (
        'country = "FR"',
        'country = "fr"',
        "[cast.second-authority]",
        "country",
        "BE",
    ),
    "hyphen at the end": (
        'name = "rate"',
        'name = "rate-"',
        "[[rules]] 4",
        "name",
        "inner hyphens",
    ),
    "address": ("https://www.irish", "www.irish", "[[sources]] 1", "url", "begin it with https"),
    "agent": ('country = "NL"', 'country = "NL"\nagent = true', "[cast.referral-unit]", "", "only"),
    "not in the cast": (
        'by = "second-authority"',
        'by = "thrid"',
        "(second-authority-joins)",
        "by",
        "no party",
    ),
    "addressee": ('to = ["first-authority"]', 'to = ["fourth"]', "(press-call)", "to", "no party"),
    "kind of party": (
        'by = "first-authority"\nafter = "rate"',
        'by = "small-pictures"\nafter = "rate"',
        "[[rules]] 5 (checklist)",
        "by",
        "is of kind provider, but answer-checks is done by: agency, authority",
    ),
    "condition": ('["activated"]', '["activatd"]', "(share-in-haste)", "only_if", "mean activated"),
    "after": ('after = "decline"', 'after = "declined"', "(correct-checklist)", "after", "mean de"),
    "of": ('of = "propose"', 'of = "warn"', "[[rules]] 8 (decline)", "of", "there are propose"),
    "content": ('content = "play"\nv', 'content = "pley"\nv', "(copies)", "content", "mean play"),
    "variant": ('["untouched"', '["rotated"', "(copies)", "variants", "variant of a picture"),
    "level": ("virality = 3", "virality = 9", "[[rules]] 4 (rate)", "virality", "use 0 to 4"),
    "test": ("real-world-event =", "real-event =", "(correct-checklist)", "others", "mean real-wo"),
    "after the end": ("at_min = 35", "at_min = 121", "(theatre-answers)", "at_min", "move it"),
    "same name": ('name = "rate"', 'name = "warn"', "[[rules]] 4 (warn)", "name", "another step"),
    "milestone": ('name = "rate"', 'name = "triaged"', "(triaged)", "name", "a milestone"),
    "measure": ('"activations"', '"activatoins"', "[[objectives]] 1", "measure", "activations?"),
    "no bound": ("at_most = 15", "", "[[objectives]] 4", "", "give at_most, at_least or both"),
    "not TOML": ("duration_min = 120", "duration_min =", "", "", "is no TOML"),
}


def problems(text):
    with pytest.raises(reader.ScenarioError) as caught:
        reader.parse(text, file="mine.toml")
    return caught.value.problems


def test_the_scenarios_that_ship_are_good():
    assert reader.shipped() == SHIPPED
    assert [reader.read(name).name for name in SHIPPED] == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_scenario_says_exercise_and_cites_public_sources(name):
    scenario = reader.read(name)
    told = [step.do.text for step in scenario.steps if hasattr(step.do, "text")]
    assert all(text.startswith("EXERCISE") for text in told)
    assert all(source.url.startswith("https://") for source in scenario.sources)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_table_key_and_remedy(mistake):
    old, new, table, key, words = MISTAKES[mistake]
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert [problem.file for problem in found] == ["mine.toml"] * len(found)
    assert any(
        table in problem.table and problem.key == key and words in problem.message
        for problem in found
    ), found


def test_rules_that_wait_for_each_other_are_refused():
    rate = 'name = "rate"\nby = "first-authority"\nafter = '
    text = GOOD.replace(f'{rate}"warned"', f'{rate}"checklist"')
    (first, second) = problems(text)
    assert (first.key, second.key) == ("after", "after")
    assert "rate waits for checklist waits for rate" in first.message


def test_a_spread_is_of_a_picture_and_the_only_one():
    spread = reader.text_of("copies-over-a-thousand-services")
    [problem] = problems(spread.replace('kind = "picture"', 'kind = "film"'))
    assert (problem.key, problem.message) == (
        "content",
        "still is a film: name content of kind picture",
    )
    begin = spread.index('[[injects]]\nname = "picture-spreads"')
    again = spread[begin : spread.index("[[injects]]", begin + 1)].replace("picture-s", "it-s")
    [problem] = problems(spread.replace("[[rules]]", f"{again}[[rules]]", 1))
    assert "[[injects]] 5 (it-spreads)" in str(problem)
    assert "picture-spreads begins a spread already: remove one of them" in problem.message


def test_every_problem_of_a_file_is_listed_at_once():
    text = GOOD.replace('["activated"]', '["x"]').replace('"activations"', '"y"')
    assert [problem.key for problem in problems(text)] == ["only_if", "measure"]


def test_a_file_of_a_stranger_cannot_speak_to_the_terminal():
    text = GOOD.replace('"The protocol is', '"\\u001b[2JThe protocol is')
    (problem,) = problems(text)
    assert problem.key == "text"
    assert "control character" in problem.message
    assert str(problem).isprintable()
    assert str(problems(GOOD.replace('"activations"', '"\\u009b2J"'))[0]).isprintable()


def test_a_scenario_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(reader.ScenarioError, match="false-alarm, first-crisis, learn-the-protocol"):
        reader.read("fire-drill")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(reader.ScenarioError, match="is not UTF-8"):
        reader.read(str(path))


def test_the_page_explains_every_act_measure_and_milestone():
    page = (ROOT / "docs/use/exercises.md").read_text("utf-8")
    rows = {line.split("|")[1].strip(" `") for line in page.splitlines() if line.startswith("| `")}
    assert {*ACTS, *MEASURES, *MILESTONES} <= rows


def test_the_example_of_the_page_is_good():
    page = (ROOT / "docs/use/exercises.md").read_text("utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    assert tomllib.loads(text)["title"]
    assert reader.parse(text, file="example.toml").objectives
