# SPDX-License-Identifier: Apache-2.0
"""Passages of a held text beside its signal: their place and length, from the agent's own copy."""

import re

import pytest

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.recognise.passages import shared_passages
from stemtide.fingerprints.text.fingerprint import sketch
from tests.agent.test_review import HELD, Moderator
from tests.agent.world import config_of


def words(name, number):
    """A text of words that no other text has."""
    return " ".join(f"{name}{chr(97 + at // 26 % 26)}{chr(97 + at % 26)}" for at in range(number))


KNOWN = words("known", 300)
UPLOAD = f"{words('before', 40)}\n\n“{KNOWN},” {words('after', 60)}"


@pytest.fixture
def config(hub, tmp_path):
    return config_of(hub, tmp_path, review=ReviewSettings(enabled=True, keep_files_hours=2))


def value_of(text):
    return sketch(text).to_bytes()


def test_a_passage_is_marked_with_its_place_and_length():
    shared = shared_passages(UPLOAD.encode(), value_of(KNOWN))
    (passage,) = shared.passages
    assert (shared.upload_words, shared.signal_words) == (400, 300)
    # The signal holds one run in four: a few words at both ends may be missing.
    assert 41 <= passage.first <= 60
    assert 320 <= passage.last <= 340
    assert passage.text in UPLOAD
    assert passage.text.split()[0] == UPLOAD.split()[passage.first - 1]


def test_two_passages_are_two_and_another_text_has_none():
    twice = f"{KNOWN[:1500]} {words('between', 80)} {KNOWN[1500:]}"
    shared = shared_passages(twice.encode(), value_of(KNOWN))
    assert len(shared.passages) == 2
    assert not any("between" in passage.text for passage in shared.passages)
    assert shared_passages(words("other", 200).encode(), value_of(KNOWN)).passages == ()


def test_what_is_no_plain_text_has_no_passages():
    assert shared_passages(b"\x89PNG\r\n\x1a\n" + b"\0" * 100, value_of(KNOWN)) is None
    assert shared_passages(UPLOAD.encode(), b"no sketch") is None


def test_the_item_shows_the_passage_beside_the_signal_when_a_person_asks_for_it(hub, agent, config):
    hub.share(value_of(KNOWN).hex(), kind="text", labels=["manifesto"], **HELD)
    agent.wait(position=hub.head)
    assert agent.match(UPLOAD.encode(), ref="post")["decision"]["action"] == "hold"
    with Moderator(agent, config) as anna:
        page = anna.open("post").text
        assert "Show the passages that match" in page
        assert "knownaf" not in page
        page = anna.get("/item", ref="post", passages="1").text
        assert re.search(r"Words \d+ to \d+ \(\d+\)", page)
        assert "knownaz" in page
        assert "Signal, about 300 words" in page
        assert "before" not in page.replace("decided before", "").split("Words")[1][:200]
        with Moderator(agent, config, "Ben") as ben:
            assert "knownaz" not in ben.get("/item", ref="post", passages="1").text


def test_a_copy_that_cannot_be_read_has_no_passages_and_the_page_says_so(hub, agent, config):
    hub.share(value_of(KNOWN).hex(), kind="text", labels=["manifesto"], **HELD)
    agent.wait(position=hub.head)
    agent.match(UPLOAD.encode(), ref="post")
    (copy,) = (config.data_dir / "kept").iterdir()
    copy.write_bytes(b"damaged" * 10)
    with Moderator(agent, config) as anna:
        anna.open("post")
        page = anna.get("/item", ref="post", passages="1")
        assert (page.status_code, "no copy of this upload that it can read" in page.text) == (
            200,
            True,
        )
