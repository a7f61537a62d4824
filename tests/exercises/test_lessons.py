# SPDX-License-Identifier: Apache-2.0
"""Hints of a guided run: the next one follows from the ledger, and each names a page and a kind."""

from pathlib import Path
from uuid import uuid4

import pytest
from django.urls import resolve

from stemtide.scenarios import reader
from stemtide.scenarios.lessons import hint_states

ROOT = Path(__file__).parents[2]
LESSON = reader.read("learn-the-protocol").lesson
LESSONS = [name for name in reader.shipped() if reader.read(name).lesson]


def test_the_next_hint_is_the_first_that_the_ledger_does_not_show():
    states = hint_states(LESSON, kinds={"crisis.warned", "check.answered"}, crisis="1")
    assert [state.is_done for state in states[:4]] == [True, False, True, False]
    assert [state.number for state in states if state.is_next] == [2]
    assert states[1].page == "/crises/1/activation"


def test_a_page_of_the_crisis_is_offered_once_there_is_one():
    states = hint_states(LESSON, kinds=())
    assert states[0].page == "/crises/new"
    assert states[1].page is None


@pytest.mark.parametrize(
    ("language", "title", "of"),
    [("de", "Bewerten", "de"), ("nl", "Beoordelen", "nl"), ("sv", "Rate it", "en")],
)
def test_a_hint_is_in_the_language_of_the_page_or_in_english(language, title, of):
    state = hint_states(LESSON, kinds=(), language=language)[1]
    assert (state.words.title, state.language) == (title, of)


@pytest.mark.parametrize("name", LESSONS)
def test_each_hint_that_ships_is_in_all_languages_of_the_desk(name):
    for hint in reader.read(name).lesson.hints:
        assert None not in {hint.nl, hint.fr, hint.de}, hint.title


def test_a_lesson_ends_when_all_hints_are_done():
    kinds = {kind for hint in LESSON.hints for kind in hint.done_by}
    states = hint_states(LESSON, kinds=kinds, crisis="1")
    assert all(state.is_done for state in states)
    assert not any(state.is_next for state in states)


@pytest.mark.parametrize("name", LESSONS)
def test_each_hint_names_a_page_of_the_desk_and_kinds_of_the_ledger(name):
    ledger = (ROOT / "docs/understand/ledger.md").read_text("utf-8")
    for hint in reader.read(name).lesson.hints:
        assert resolve(hint.page.partition("?")[0].replace("{crisis}", str(uuid4())))
        assert [kind for kind in hint.done_by if f"`{kind}`" not in ledger] == []


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ('plays = "first-authority"', 'plays = "third"', "[lesson], plays", "no party in the cast"),
        ("speed = 6", "sped = 6", "[lesson], sped", "did you mean speed?"),
        ('page = "/crises/new"', 'page = "https://evil"', "[[lesson.hints]] 1, page", "its path"),
        ('["crisis.warned"]', '["warned"]', "[[lesson.hints]] 1, done_by.0", "no kind of ledger"),
        ("why = ", "wy = ", "[[lesson.hints]] 1, wy", "did you mean why?"),
    ],
)
def test_a_mistake_of_a_lesson_is_named(old, new, place, words):
    text = reader.text_of("learn-the-protocol")
    assert old in text
    with pytest.raises(reader.ScenarioError) as caught:
        reader.parse(text.replace(old, new, 1), file="mine.toml")
    lines = [str(problem) for problem in caught.value.problems]
    assert any(line.startswith(f"mine.toml: {place}: ") and words in line for line in lines), lines
