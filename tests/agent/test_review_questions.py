# SPDX-License-Identifier: Apache-2.0
"""Questions of reviewers to the sharer of a signal: what is sent, and how the answer comes back."""

from contextlib import closing
from sqlite3 import connect
from urllib.parse import quote

import pytest

from stemtide.agent.config.journal import JournalSettings
from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.outbox import questions
from stemtide.protocol.problems import ProblemType
from tests.agent.test_review import Moderator, held
from tests.agent.world import config_of, until

WHOLE = "Is the whole film meant, or only the beginning?"


@pytest.fixture
def config(hub, tmp_path):
    # A search of the journal for a new signal may find the upload, too, and record it again.
    journal = JournalSettings(enabled=False)
    return config_of(hub, tmp_path, review=ReviewSettings(enabled=True), journal=journal)


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Look for answers all the time."""
    monkeypatch.setattr(questions, "LOOK_EVERY_S", 0.1)


def send(moderator, ref, text=WHOLE):
    moderator.open(ref)
    return moderator.post("question", ref=quote(ref, safe=""), reason=text)


def wait_shown(moderator, ref, text):
    until(lambda: text in moderator.open(ref).text, what=f"the page of {ref} with {text!r}")


def test_a_question_goes_to_the_hub_without_the_upload_and_its_answer_comes_to_the_item(
    hub, agent, anna
):
    signal = held(hub, agent, "private-upload")
    assert "Ask the sharer" in anna.open("private-upload").text
    send(anna, "private-upload")
    assert anna.at() == "private-upload"
    assert "The content stays held" in anna.page.text
    until(lambda: hub.questions, what="the question at the hub")
    assert hub.questions[str(signal.id)].text == WHOLE
    assert "private-upload" not in str(hub.questions)
    assert "Anna" not in str(hub.questions)
    wait_shown(anna, "private-upload", "The sharer has not answered yet")
    assert "Ask the sharer" not in anna.page.text
    assert "waits for the sharer" in anna.get().text
    hub.answer_question(signal.id, "Only the <b>beginning</b>.")
    wait_shown(anna, "private-upload", "Only the &lt;b&gt;beginning&lt;/b&gt;.")
    assert "the sharer answered" in anna.get().text
    assert anna.queue() == ["private-upload"]
    assert "Ask the sharer" in anna.open("private-upload").text


def test_a_question_that_looks_like_personal_data_is_not_lost(hub, agent, anna):
    signal = held(hub, agent, "a")
    send(anna, "a", "Is it the film of piet@example.org?")
    until(lambda: hub.questions, what="the question at the hub")
    assert "piet@example.org" in hub.questions[str(signal.id)].text


def test_a_question_changes_neither_the_action_nor_the_term(hub, agent, config, anna):
    held(hub, agent, "a")
    sql = "SELECT ref, signal, action, at FROM acted"
    with closing(connect(config.data_dir / "agent.db")) as file:
        before = file.execute(sql).fetchall()
        send(anna, "a")
        until(lambda: hub.questions, what="the question at the hub")
        assert file.execute(sql).fetchall() == before
    assert hub.opinions == []


@pytest.mark.nightly
def test_one_question_about_a_signal_is_open_at_a_time(hub, agent, anna):
    held(hub, agent, "a", "b")
    send(anna, "a")
    send(anna, "b", "And the sound?")
    assert "A question about this signal waits for its answer" in anna.page.text
    assert "Is the whole film meant" in anna.open("b").text


def test_what_the_hub_does_not_take_is_shown_and_can_be_written_anew(hub, agent, anna):
    hub.question_fault = ProblemType.CONFLICT
    held(hub, agent, "a")
    send(anna, "a")
    wait_shown(anna, "a", "The hub does not take this question")
    hub.question_fault = None
    send(anna, "a", "And now?")
    wait_shown(anna, "a", "The sharer has not answered yet")


@pytest.mark.nightly
def test_a_question_that_a_colleague_replaced_elsewhere_gets_no_answer_of_that_one(
    hub, agent, anna
):
    signal = held(hub, agent, "a")
    send(anna, "a")
    until(lambda: hub.questions, what="the question at the hub")
    other = {"text": "Another question.", "answer": "Yes."}
    hub.questions[str(signal.id)] = hub.questions[str(signal.id)].model_copy(update=other)
    wait_shown(anna, "a", "your party has sent another question")
    assert "Yes." not in anna.page.text


@pytest.mark.nightly
def test_an_answer_that_cannot_be_read_does_not_end_the_question(hub, agent, anna):
    signal = held(hub, agent, "a")
    send(anna, "a")
    until(lambda: hub.questions, what="the question at the hub")
    path = "/signals/{uid}/questions"
    hub.answers[path] = b"<html>a proxy</html>"
    asked = hub.asked[path]
    until(lambda: hub.asked[path] > asked + 2, what="more look-ups")
    del hub.answers[path]
    hub.answer_question(signal.id, "Only the beginning.")
    wait_shown(anna, "a", "Only the beginning.")


@pytest.mark.nightly
def test_there_is_nobody_to_ask_about_what_could_not_be_read_or_somebody_else_has_open(
    hub, agent, config, anna
):
    agent.match(b"\x89PNG\r\n\x1a\n" + b"junk" * 100, ref="damaged")
    assert "Ask the sharer" not in anna.open("damaged").text
    send(anna, "damaged")
    assert "No other party knows what holds it" in anna.page.text
    held(hub, agent, "a")
    anna.open("a")
    with Moderator(agent, config, "Ben") as ben:
        send(ben, "a")
        assert "Somebody else has this content open" in ben.page.text
    assert anna.post("question", ref="a", reason="  ").status_code == 400
    assert hub.questions == {}
