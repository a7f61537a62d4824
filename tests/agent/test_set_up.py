# SPDX-License-Identifier: Apache-2.0
"""One person sets an agent up in a browser: who may, what is checked, what is written."""

import io
import re
import threading
from urllib.parse import quote

import httpx
import pytest
from PIL import Image

from stemtide.agent.config.settings import load
from stemtide.agent.http.review.pages import static_file
from stemtide.agent.http.review.set_up import SetUpPages
from stemtide.agent.recognise.policy import Action
from stemtide.agent.review import first_match
from stemtide.agent.review.set_up import PROPOSED
from stemtide.fingerprints.kinds import Kind
from tests.agent.fake_hub import KEY, Server
from tests.cli.conftest import run
from tests.rounds import rounds

TOKEN = "t" * 40
PATH = f"/set-up/{TOKEN}"


class SetUp:
    """The pages, served for one folder, and a browser without JavaScript."""

    def __init__(self, folder, hub):
        self.file = folder / "agent.toml"
        self.stopped = threading.Event()
        pages = SetUpPages(file=self.file, port=8471, token=TOKEN, stop=self.stopped.set)
        self._server = Server(pages.app())
        self.http = httpx.Client(base_url=self._server.url, timeout=60)
        self.answers = {
            "hub_url": hub.url,
            "key": KEY,
            "name": "uploads-1",
            "port": "8471",
            "policy": "standard",
        }

    def save(self, **changed):
        return self.http.post(PATH, data=self.answers | changed)

    def close(self):
        self.http.close()
        self._server.stop()


@pytest.fixture
def set_up(hub, tmp_path):
    set_up = SetUp(tmp_path, hub)
    yield set_up
    set_up.close()


def test_answers_become_the_settings_of_an_agent_that_would_start(set_up, hub):
    assert "Set up an agent" in set_up.http.get(PATH).text
    page = set_up.save()
    assert page.status_code == 200
    assert hub.party in page.text
    assert "requests:read and complaints:write" in page.text  # what the key lacks
    config = load(set_up.file, env={})
    assert (config.name, config.hub_url, config.key) == ("uploads-1", hub.url, KEY)
    assert (config.review.enabled, config.host, config.port) == (True, "127.0.0.1", 8471)
    for path in (set_up.file, set_up.file.with_name("hub.key")):
        assert path.stat().st_mode & 0o777 == 0o600
    assert KEY not in set_up.file.read_text("utf-8")


POLICIES = [("standard", Action.BLOCK), ("hold", Action.HOLD), ("log", Action.LOG)]


@pytest.mark.parametrize(
    ("policy", "action"),
    rounds(POLICIES[:1], nightly=POLICIES),
)
def test_each_policy_says_in_words_what_it_does_to_the_first_match(set_up, policy, action):
    page = set_up.save(policy=policy).text
    assert PROPOSED[policy].title in page
    assert re.search(rf"your policy would say: <strong>{action}</strong>", page)
    bits = int(re.search(r"(\d+) of 256 bits differ", page)[1])
    assert bits <= 31
    with Image.open(io.BytesIO(set_up.http.get(f"{PATH}/picture").content)) as picture:
        assert picture.size == (240, 240)
    assert page == set_up.http.get(PATH).text  # opened again


def test_the_first_match_is_a_real_one(sandbox, hub, set_up):
    set_up.save()
    match = first_match.match_test_picture(sandbox, load(set_up.file, env={}).policies)
    original = first_match._encoded(first_match._picture(), "PNG")
    ((before,), (after,)) = (
        sandbox.fingerprint(blob).of(Kind.PDQ) for blob in (original, match.picture)
    )
    differ = int.from_bytes(before.value) ^ int.from_bytes(after.value)
    assert match.distance_bits == differ.bit_count() > 0
    assert hub.entries == {}


NOT_WORKING = [
    ({"hub_url": "hub.example"}, "hub_url", "hub_url: "),
    ({"hub_url": "http://hub.example"}, "hub_url", "plain http"),
    ({"hub_url": "http://127.0.0.1:9"}, "hub_url", "The hub could not be asked"),
    ({"key": "wrong"}, "key", "The hub does not know this key"),
    ({"key": ""}, "key", "key: is missing"),
    ({"name": "Not A Name!"}, "name", "name: "),
    ({"name": '"\n[webhook]\nurl = "x"'}, "name", "name: "),
    ({"port": "many"}, "port", "Enter a number"),
    ({"port": "70000"}, "port", "port: "),
    ({"port": "8" * 5000}, "port", "Enter a number"),
    ({"name": "uploads-\N{GRINNING FACE}"}, "name", "name: "),
    ({"policy": "made-up"}, "", "Choose what happens"),
]


@pytest.mark.parametrize(
    ("changed", "field", "why"),
    rounds([NOT_WORKING[1], NOT_WORKING[3], NOT_WORKING[6]], nightly=NOT_WORKING),
)
def test_an_answer_that_does_not_work_is_named_and_nothing_is_written(set_up, changed, field, why):
    page = set_up.save(**changed)
    assert (page.status_code, why in page.text) == (400, True), page.text
    if field:
        assert f'id="{field}-error"' in page.text
    if "name" not in changed:
        assert 'value="uploads-1"' in page.text
    assert list(set_up.file.parent.iterdir()) == []


def test_a_key_with_too_few_scopes_is_refused_by_name(set_up, hub):
    hub.scopes = ("feed:read",)
    page = set_up.save()
    assert (page.status_code, "lacks feedback:write" in page.text) == (400, True)
    assert not set_up.file.exists()


def test_files_that_are_there_are_never_overwritten(set_up):
    key_file = set_up.file.with_name("hub.key")
    key_file.write_text("another key", "utf-8")
    assert "is there already" in set_up.save().text
    assert not set_up.file.exists()
    key_file.unlink()
    set_up.file.write_text("name = 'old'", "utf-8")
    assert "is there already" in set_up.save().text
    assert set_up.file.read_text("utf-8") == "name = 'old'"
    assert not key_file.exists()


ELSEWHERE = [
    ("/set-up/guessed", {}),
    (PATH, {"Host": "evil.example"}),
    (PATH, {"X-Forwarded-For": "192.0.2.7"}),
    (PATH, {"Origin": "http://evil.example"}),
    (PATH, {"Origin": "null"}),
    (PATH, {"Sec-Fetch-Site": "cross-site"}),
]


@pytest.mark.parametrize(
    ("path", "headers"),
    rounds([ELSEWHERE[0], ELSEWHERE[1], ELSEWHERE[5]], nightly=ELSEWHERE),
)
def test_nobody_else_sets_the_agent_up(set_up, path, headers):
    refused = set_up.http.post(path, data=set_up.answers, headers=headers)
    assert refused.status_code == 403
    assert not set_up.file.exists()


@pytest.mark.parametrize(
    "name", rounds(["../set_up.py"], nightly=["../set_up.py", "../templates/set_up.html", "..", ""])
)
def test_only_the_files_of_the_pages_are_served(set_up, name):
    kept = set_up.http.get("/review/static/review.css")
    assert kept.status_code == 200
    assert "max-age" in kept.headers["cache-control"]  # the server stops with its last page
    assert set_up.http.get(f"/review/static/{quote(name, safe='')}").status_code == 404
    assert static_file(name) is None


def test_the_agent_starts_only_after_the_answers(set_up):
    assert set_up.http.post(f"{PATH}/start", data={}).status_code == 400
    assert not set_up.stopped.is_set()
    set_up.save()
    page = set_up.http.post(f"{PATH}/start", data={}).text
    assert "http://127.0.0.1:8471/review/sign-in?link=" in page
    assert set_up.stopped.wait(60)


def test_a_folder_that_cannot_be_used_is_named_before_the_agent_starts(set_up):
    set_up.save()
    (set_up.file.parent / "var").write_text("a file", "utf-8")
    page = set_up.http.post(f"{PATH}/start", data={})
    assert (page.status_code, "data_dir" in page.text) == (500, True)
    assert not set_up.stopped.is_set()


def test_without_a_terminal_and_settings_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("agent", "start")
    assert (done.code, "name: is missing" in done.err) == (1, True), done.err
    (tmp_path / "agent.toml").write_text("", "utf-8")
    done = run("agent", "start", "--set-up")
    assert (done.code, "is there already" in done.err) == (2, True)
