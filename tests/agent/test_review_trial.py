# SPDX-License-Identifier: Apache-2.0
"""Try a match on the review page: what would happen, why, and that nothing happens."""

import pytest

from tests.agent.test_own_banks import BANK, ONE, add, make
from tests.agent.test_review import Moderator, config
from tests.agent.world import picture, sha256
from tests.rounds import rounds

__all__ = ["config"]


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


def attempt(moderator, text="", file=b""):
    moderator.page = moderator.http.post(
        f"{moderator.home}/try/match",
        data={"form_token": moderator.form_token, "text": text},
        files={"file": ("a.png", file)},
    )
    return moderator.page


def test_a_file_is_tried_and_nothing_happens(hub, agent, anna, config):
    cat = picture("chelsea.png")
    hub.share(sha256(cat), shared_by="another-provider", confirmed_by=[])
    agent.wait(position=hub.head)
    make(agent)
    add(agent, sha256(cat))
    assert "Nothing is stored" in anna.get("/try").text
    page = attempt(anna, file=cat).text
    assert "It would be blocked" in page
    assert f"of own bank {BANK}: the bank says block" in page
    assert "needs a second independent party" in page  # why the hub's signal alone would hold
    assert page.count("own-list/entry?id=") == 1
    assert anna.queue() == []
    assert agent.http.get(f"/banks/{BANK}/items").json()["items"][0]["matches"] == 0
    assert hub.outcomes.total() == 0
    assert not config.actions_path.exists()


TRIED = [
    ("sha256", ONE, ONE.upper()),
    ("pdq", ONE, ONE),
    ("md5", ONE[:32], ONE[:32]),
    ("url", "https://bad.example/films/", "http://www.bad.example/films/7?x=1"),
]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    rounds([TRIED[1], TRIED[3]], nightly=TRIED),
)
def test_an_address_or_a_fingerprint_is_tried(agent, anna, kind, value, text):
    make(agent, action="hold")
    add(agent, value, kind=kind, **({"reach": "folder"} if kind == "url" else {}))
    page = attempt(anna, text=text).text
    assert "It would be held for a person" in page
    assert f"{kind} item" in page
    assert "Nothing would happen" in attempt(anna, text="https://good.example/").text


def test_what_cannot_be_read_is_said(anna):
    page = attempt(anna, file=picture("chelsea.png")[:5000]).text
    assert "It would be held for a person" in page
    assert "How it was read:" in page


NOTHING = [("", "Choose a file"), ("not one", "no address")]


@pytest.mark.parametrize(("text", "why"), rounds(NOTHING[1:], nightly=NOTHING))
def test_what_is_nothing_to_try_is_refused(anna, text, why):
    page = attempt(anna, text=text)
    assert (page.status_code, why in page.text) == (400, True)
    assert f'value="{text}"' in page.text


def test_a_form_without_the_token_tries_nothing(anna):
    answer = anna.http.post(f"{anna.home}/try/match", data={"form_token": "", "text": ONE})
    assert answer.status_code == 403
