# SPDX-License-Identifier: Apache-2.0
"""The review page: who gets in, what they see, what they decide, and what stops them."""

import io
import json
import re
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from PIL import Image

from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.config.settings import ConfigError, WebhookSettings, load
from stemtide.agent.config.transparency import Ground, Transparency
from stemtide.agent.http.review import pages
from stemtide.agent.outbox import actions, restrictions
from stemtide.agent.outbox.statements import statement
from stemtide.agent.process import supervisor
from stemtide.agent.review.exposure import break_until
from stemtide.agent.review.sessions import make_link
from stemtide.client.connection import is_loopback
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.law.dsa.statements import lint
from tests.agent import streams
from tests.agent.fake_hub import KEY, FakeHub
from tests.agent.world import (
    SECRET,
    AgentInProcess,
    agent_of,
    config_of,
    folder_in_memory,
    picture,
    sha256,
    until,
)
from tests.cli.conftest import run
from tests.rounds import rounds

TEMPLATES = Path(pages.__file__).parent / "templates"
ON = ReviewSettings(enabled=True)
NO_FILES = {"kept_files": 0, "kept_bytes": 0}
HELD = {"shared_by": "another-provider", "confirmed_by": []}


def held(hub, agent, *refs, value=None, **facts):
    """Have the agent hold uploads because of one signal of a single party; return the signal."""
    value = value or sha256("".join(refs).encode())
    signal = hub.share(value, **(HELD | facts))
    agent.wait(position=hub.head)
    answers = agent.ask(*({"sha256": value, "ref": ref} for ref in refs))
    assert {answer["decision"]["action"] for answer in answers} == {"hold"}
    return signal


class Moderator:
    """A person's browser, without JavaScript."""

    def __init__(self, agent, config, name="Anna", *, reason="", link=""):
        self.root = str(agent.http.base_url).rstrip("/")
        self.http = httpx.Client(base_url=self.root, follow_redirects=True, timeout=60)
        token = link or make_link(config.data_dir, now=time.time(), reason=reason)
        self.page = self.http.get("/review/sign-in", params={"link": token})
        assert self.page.status_code == 200, self.page.text
        self.page = self.http.post("/review/sign-in", data={"link": token, "name": name})
        assert self.page.status_code == 200, self.page.text
        self.home = self.page.url.path
        self.form_token = re.search(r'name="form_token" value="([^"]+)"', self.page.text)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.http.close()

    def get(self, page="", **query):
        self.page = self.http.get(self.home + page, params=query)
        return self.page

    def post(self, page, **fields):
        self.page = self.http.post(
            f"{self.home}/{page}", data={"form_token": self.form_token, **fields}
        )
        return self.page

    def open(self, ref):
        return self.get("/item", ref=ref)

    def decide(self, ref, verdict, **fields):
        return self.post("decide", ref=quote(ref, safe=""), verdict=verdict, **fields)

    def undo(self):
        batch = re.search(r'name="batch" value="(\w+)"', self.page.text)[1]
        return self.post("undo", batch=batch)

    def queue(self):
        """The references in the queue, in their order."""
        return [
            unescape(ref) for ref in re.findall(r"<bdi>([^<]*)</bdi></a></th>", self.get().text)
        ]

    def at(self):
        """The content whose page is open; "" for the queue."""
        return parse_qs(urlsplit(str(self.page.url)).query).get("ref", [""])[0]


def events(config, ref):
    if not config.actions_path.exists():
        return []
    lines = [json.loads(line) for line in config.actions_path.read_text().splitlines()]
    return [event for event in lines if event["data"]["ref"] == ref]


def wait_event(config, ref, kind):
    def happened():
        return next((e for e in reversed(events(config, ref)) if e["type"] == kind), None)

    return until(happened, what=f"{kind} of {ref}")


def counted(hub, outcome):
    """The present number of uploads that the hub counts at an outcome."""
    return sum(number for (_, word), number in hub.outcomes.items() if word == outcome)


@pytest.fixture
def config(hub, tmp_path):
    return config_of(hub, tmp_path, review=ON)


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


@pytest.fixture
def ben(agent, config):
    with Moderator(agent, config, "Ben") as moderator:
        yield moderator


# who gets in


def test_without_the_setting_there_is_no_page(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        for path in ("/review", "/review/sign-in", "/review/static/tokens.css", "/review/s/x"):
            assert agent.http.get(path).status_code == 404
        assert agent.health()["review"] is None
        assert "stemtide_agent_review_waiting" not in agent.http.get("/metrics").text


def test_a_link_signs_in_once_and_asks_for_a_name(agent, config):
    token = make_link(config.data_dir, now=time.time())
    page = agent.http.get("/review/sign-in", params={"link": token})
    assert page.status_code == 200
    nameless = agent.http.post("/review/sign-in", data={"link": token, "name": " \u202e "})
    assert (nameless.status_code, "Enter your name" in nameless.text) == (400, True)
    done = agent.http.post("/review/sign-in", data={"link": token, "name": "Anna"})
    assert done.status_code == 303
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert f"Path={done.headers['location']}" in cookie
    again = agent.http.post("/review/sign-in", data={"link": token, "name": "Ben"})
    assert (again.status_code, "used already" in again.text) == (403, True)
    old = make_link(config.data_dir, now=time.time() - 16 * 60)
    assert agent.http.get("/review/sign-in", params={"link": old}).status_code == 403
    assert agent.http.get("/review/sign-in", params={"link": "made-up"}).status_code == 403


def test_a_service_prints_no_link_but_how_to_make_one(config, capsys):
    supervisor._print_plain(config, "http://127.0.0.1:1")
    printed = capsys.readouterr().err
    assert "stemtide agent review link" in printed
    assert "?link=" not in printed


def test_the_command_says_why_it_makes_no_link(tmp_path):
    file = tmp_path / "agent.toml"
    start = f'name = "a"\nhub_url = "https://h.example"\nkey = "k"\ndata_dir = "{tmp_path}"\n'
    for rest, words, code in (
        ("", "no review page", 2),
        ("[review]\nenabled = true\n", "start the agent first", 1),
        ("port = 0\n[review]\nenabled = true\n", "name it with --port", 2),
    ):
        file.write_text(start + rest)
        done = run("agent", "review", "link", "--config", file)
        assert (done.code, words in done.err) == (code, True), done.err
        assert done.out == ""


def test_neither_the_address_nor_the_cookie_alone_is_enough(agent, config, anna, ben):
    assert agent.http.get(anna.home).status_code == 403
    assert agent.http.get("/review").status_code == 403
    ((name, value),) = ben.http.cookies.items()
    swapped = agent.http.get(
        anna.home, headers={"Cookie": f"{name}={value}; stemtide-review-{anna.home[-24:]}={value}"}
    )
    assert swapped.status_code == 403
    stored = b"".join(path.read_bytes() for path in config.data_dir.glob("agent.db*"))
    assert value.encode() not in stored


@pytest.fixture(scope="module")
def named_inside(sandbox):
    """A person at an agent that has another name within the provider's network."""
    hub = FakeHub().start()
    try:
        with folder_in_memory() as folder:
            names = ("moderation.internal",)
            config = config_of(hub, folder, review=ON, allowed_hosts=names)
            with agent_of(config, sandbox) as agent:
                agent.wait(ready=True)
                with Moderator(agent, config) as anna:
                    yield anna
    finally:
        hub.stop()


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Host": "evil.example"}, "not this agent"),
        ({"Host": "moderation.internal"}, "this machine only"),
        ({"X-Forwarded-For": "192.0.2.7"}, "proxy"),
        ({"Sec-Fetch-Site": "same-site"}, "another page"),
        ({"Sec-Fetch-Site": "cross-site"}, "another page"),
        ({"Origin": "http://127.0.0.1:1"}, "web pages may not"),
        ({"Origin": "null"}, "web pages may not"),
    ],
)
def test_requests_from_elsewhere_are_refused(named_inside, headers, why):
    refused = named_inside.http.get(named_inside.home, headers=headers)
    assert (refused.status_code, why in refused.text) == (403, True)
    assert named_inside.get().status_code == 200


def test_an_agent_with_a_token_keeps_it_for_all_but_the_page(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path, review=ON, token="t" * 30)
    with agent_of(config, sandbox) as agent:
        until(lambda: agent.http.get("/health?ready").status_code == 200)
        with Moderator(agent, config) as anna:
            assert "Nothing is held" in anna.page.text
            assert anna.http.get("/journal").status_code == 401
            assert anna.http.get("/reviewer").status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7"])  # noqa: S104 - refused
def test_a_page_that_others_could_open_stops_the_agent(tmp_path, host):
    file = tmp_path / "agent.toml"
    start = (
        f'name = "a"\nhub_url = "https://hub.example"\nkey = "k"\ndata_dir = "d"\nhost = "{host}"'
    )
    file.write_text(start + '\ntoken = "t"\n[review]\nenabled = true\n')
    assert not is_loopback(host)
    with pytest.raises(ConfigError, match=r"review\.enabled: .*this machine only"):
        load(file, env={})
    file.write_text(start + '\ntoken = "t"\n[review]\n')
    assert load(file, env={}).review == ReviewSettings()


def test_the_address_of_pictures_needs_https_and_a_secret(tmp_path):
    file = tmp_path / "agent.toml"
    start = 'name = "a"\nhub_url = "https://hub.example"\nkey = "k"\ndata_dir = "d"\n'
    review = '[review]\nenabled = true\npicture_url = "{}"\n'
    hook = f'[webhook]\nurl = "https://h.example"\nsecret = "{SECRET}"\n'
    file.write_text(start + review.format("http://p.example/{ref}") + hook)
    with pytest.raises(ConfigError, match=r"review\.picture_url: must be https"):
        load(file, env={})
    file.write_text(start + review.format("https://p.example/{ref}"))
    with pytest.raises(ConfigError, match=r"review\.picture_url: needs the secret"):
        load(file, env={})
    file.write_text(start + review.format("https://p.example/{ref}") + hook)
    assert load(file, env={}).review.picture_url == "https://p.example/{ref}"


@pytest.fixture(scope="module")
def two_people(unchanged):
    """Two people who have one item, and change nothing."""
    held(unchanged.hub, unchanged.agent, "a")
    with (
        Moderator(unchanged.agent, unchanged.config) as anna,
        Moderator(unchanged.agent, unchanged.config, "Ben") as ben,
    ):
        yield anna, ben


@pytest.mark.parametrize(
    "page",
    ["decide", "undo", "look", "letters", "leave", "sign-out", "hub/answer", "hub/join"],
)
def test_a_form_without_the_token_of_the_session_changes_nothing(two_people, page):
    anna, ben = two_people
    fields = {"ref": "a", "verdict": "block"}
    for token in ("", ben.form_token):
        answer = anna.http.post(f"{anna.home}/{page}", data={**fields, "form_token": token})
        assert answer.status_code == 403
    wrong = anna.http.post(f"{anna.home}/{page}", json={**fields, "form_token": anna.form_token})
    assert wrong.status_code == 415
    assert anna.http.get(f"{anna.home}/{page}").status_code == 405
    assert anna.queue() == ["a"]


@pytest.mark.parametrize("verdict", ["", "Join", "maybe"])
def test_a_crisis_is_neither_joined_nor_declined_without_a_verdict(unchanged, two_people, verdict):
    (anna, _), hub = two_people, unchanged.hub
    before = hub.asked.copy()
    page = anna.post("hub/join", id="0" * 32, verdict=verdict)
    assert (page.status_code, "Choose to join or to decline" in page.text) == (400, True)
    crises = [path for path in hub.asked if path not in before and "crises" in path]
    assert crises == []


def test_sessions_end_by_hand_and_when_idle(config, anna, ben):
    assert "You are signed out" in anna.post("sign-out").text
    assert anna.get().status_code == 403
    assert ben.get().status_code == 200
    age(config, "review_sessions", "active_at", minutes=31)
    assert ben.get().status_code == 403


def test_a_page_that_updates_itself_keeps_no_session_alive(config, anna):
    age(config, "review_sessions", "active_at", minutes=29)
    assert anna.get("/queue").status_code == 200
    age(config, "review_sessions", "active_at", minutes=2)
    ended = anna.get("/queue")
    assert (ended.status_code, ended.headers["hx-redirect"]) == (403, "/review")


@pytest.mark.nightly
def test_the_queue_is_sent_again_only_when_it_changed(hub, agent, anna, ben):
    held(hub, agent, "a")

    def is_empty():  # unless a minute began in between
        state = re.search(r"state=(\w+)", anna.get().text)[1]
        return state if anna.get("/queue", state=state).status_code == 204 else None

    state = until(is_empty, what="an empty response")
    ben.open("a")
    again = anna.get("/queue", state=state)
    assert (again.status_code, "open: " in again.text) == (200, True)


def test_a_session_ends_at_its_term_however_busy(config, anna):
    age(config, "review_sessions", "began_at", minutes=10 * 60 + 1)
    assert anna.get().status_code == 403


def age(config, table, column, *, minutes):
    """Make rows of a table older, from another process's point of view."""
    with sqlite3.connect(config.data_dir / "agent.db", timeout=30) as other:
        other.execute(f"UPDATE {table} SET {column} = {column} - ?", (minutes * 60,))  # noqa: S608 - our own
    other.close()


# what they see


def test_the_queue_is_empty_then_orders_what_is_held(hub, agent, anna):
    assert "Nothing is held" in anna.page.text
    held(hub, agent, "mild", severity="low")
    held(hub, agent, "grave", severity="critical")
    held(hub, agent, "many-1", "many-2", "many-3", "many-4", "many-5", severity="medium")
    assert anna.queue() == ["many-1", "many-2", "many-3", "many-4", "many-5", "grave", "mild"]
    assert "7 held" in anna.page.text
    assert agent.health()["review"] == {"waiting": 7, "late": 0} | NO_FILES


@pytest.mark.nightly
def test_what_waits_long_comes_before_what_is_grave_and_new(hub, agent, config, anna):
    held(hub, agent, "old", severity="low")
    age(config, "acted", "at", minutes=5 * 24 * 60)
    held(hub, agent, "new", severity="critical")
    assert anna.queue() == ["old", "new"]
    assert "late by 96 h" in anna.page.text
    assert agent.health()["review"] == {"waiting": 2, "late": 1} | NO_FILES


def test_an_item_says_who_shared_how_sure_and_why(hub, agent, anna):
    hub.set_party("another-provider", kind="provider", standing="member")
    held(hub, agent, "v-1", labels=["bystander-footage"])
    page = anna.open("v-1").text
    assert "another-provider" in page
    assert "a member" in page
    assert "nobody else yet" in page
    assert "rule" in page
    assert "picture_url" in page


@pytest.mark.nightly
def test_an_item_shows_how_near_a_picture_is_and_which_seconds_of_a_film_match(
    hub, agent, sandbox, anna
):
    cat = picture("chelsea.png")
    (value,) = sandbox.fingerprint(cat).of(Kind.PDQ)
    hub.share(value.hex, kind="pdq", quality=100, **HELD)
    film = streams.known_film()
    hub.share(streams.shared_values(sandbox)["video"], kind="video", **HELD)
    agent.wait(position=hub.head)
    mirrored = io.BytesIO()
    with Image.open(io.BytesIO(cat)) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored, "JPEG")
    assert agent.match(mirrored.getvalue(), ref="picture")["decision"]["action"] == "hold"
    assert agent.match(film, ref="film")["decision"]["action"] == "hold"
    page = anna.open("picture").text
    assert re.search(r"pdq</bdi>, \d+ % sure, \d+ of 256 bits differ, <bdi>mirrored", page)
    page = anna.open("film").text
    assert "s of the upload" in page
    assert re.search(r"<span>0:0\d\.\d to 0:1\d\.\d is 0:0", page)
    assert 'class="review__stretch"' in page


def test_values_of_strangers_are_shown_and_not_run(hub, agent, anna):
    name = '"><script>alert(1)</script>\u202egpj.exe\n<img src=x onerror=alert(1)>'
    held(hub, agent, name, shared_by="<b>evil</b>\u200b")
    anna.queue()
    for page in (anna.page.text, anna.open(name).text, anna.get("/all", ref=name).text):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>evil" not in page
        assert "⟨202E⟩" in page
        assert "\u202e" not in page
    anna.decide(name, "escalate", reason="<script>alert(2)</script>")
    assert "<script>alert" not in anna.get().text
    assert "&lt;script&gt;alert(2)" in anna.open(name).text
    policy = anna.page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert anna.page.headers["x-content-type-options"] == "nosniff"


def test_every_class_of_the_page_has_a_style(anna):
    """The desk's files change without anybody thinking of the agent."""
    sheets = re.findall(r'href="(/review/static/\w+\.css)"', anna.page.text)
    styles = "".join(anna.http.get(sheet).text for sheet in sheets)
    templates = "".join(path.read_text("utf-8") for path in TEMPLATES.glob("*.html"))
    written = re.findall(r'class="([^"]*)"', re.sub(r"{{.*?}}", "", templates))
    names = {name for classes in written for name in classes.split() if not name.endswith("--")}
    unstyled = {name for name in names if not re.search(rf"\.{name}\b", styles)}
    assert unstyled == set()
    assert len(names) > 40


def test_files_of_the_page_are_served_and_no_others(agent):
    for name in ("tokens.css", "keys.js", "htmx.js", "review.css"):
        assert agent.http.get(f"/review/static/{name}").status_code == 200
    for name in ("..%2froutes.py", "desk.js", "passkey.js"):
        assert agent.http.get(f"/review/static/{name}").status_code == 404


# what they decide


def test_a_block_goes_to_the_provider_and_is_counted(hub, agent, config, anna):
    held(hub, agent, "v-1")
    anna.open("v-1")
    anna.decide("v-1", "block", reason="as the signal says")
    event = wait_event(config, "v-1", "content.block")["data"]
    assert event["decided_by"] == "reviewer"
    assert event["why"] == "a reviewer blocked it: as the signal says"
    assert "Anna" not in json.dumps(event)
    assert anna.queue() == []
    until(lambda: (counted(hub, "held"), counted(hub, "blocked")) == (0, 1), what="the count")
    metrics = agent.http.get("/metrics").text
    assert 'stemtide_agent_reviews_total{verdict="block"} 1.0' in metrics
    assert agent.http.get("/health").json()["review"]["waiting"] == 0


def test_letting_pass_releases_and_is_counted_as_reversed(hub, agent, config, anna):
    held(hub, agent, "v-1")
    anna.decide("v-1", "pass")
    event = wait_event(config, "v-1", "content.release")["data"]
    assert (event["undoes"], event["decided_by"]) == ("hold", "reviewer")
    until(lambda: (counted(hub, "held"), counted(hub, "reversed")) == (0, 1), what="the count")


TAKEN_BACK = [("block", "blocked"), ("pass", "reversed")]


@pytest.mark.parametrize(("verdict", "outcome"), rounds(TAKEN_BACK[:1], nightly=TAKEN_BACK))
def test_the_last_decision_is_taken_back(hub, agent, config, anna, verdict, outcome):  # noqa: PLR0917 - fixtures
    held(hub, agent, "v-1")
    anna.decide("v-1", verdict)
    assert anna.queue() == []
    anna.undo()
    assert anna.at() == "v-1"
    assert anna.queue() == ["v-1"]
    event = wait_event(config, "v-1", "content.hold")["data"]
    assert event["why"] == "a reviewer took the decision back"
    until(lambda: (counted(hub, "held"), counted(hub, outcome)) == (1, 0), what="the count")
    anna.decide("v-1", "block")
    wait_event(config, "v-1", "content.block")


def test_only_ones_own_decision_is_taken_back_and_not_after_it_changed(
    hub, agent, config, anna, ben
):
    signal = held(hub, agent, "v-1")
    anna.decide("v-1", "block")
    batch = re.search(r'name="batch" value="(\w+)"', anna.page.text)[1]
    assert "no decision to take back" in ben.post("undo", batch=batch).text
    hub.withdraw(signal)
    until(lambda: anna.queue() == ["v-1"], what="the hold")  # never released without a person
    until(lambda: events(config, "v-1")[-1]["data"].get("undoes") == "block", what="the event")
    assert "have changed since: 1" in anna.post("undo", batch=batch).text
    assert anna.queue() == ["v-1"]
    assert "It is no longer there" in anna.open("v-1").text or "no signal" in anna.page.text
    anna.decide("v-1", "pass")
    wait_event(config, "v-1", "content.release")


def test_a_block_stands_against_what_the_person_knew(hub, agent, config, anna):
    signal = held(hub, agent, "v-1", disputed=True)
    anna.decide("v-1", "block")
    hub.dispute(signal)  # sent again, as disputed as it was
    hub.rewrite_history()  # a snapshot: everything is judged again
    hub.share(sha256(b"z"))
    agent.wait(position=hub.head)
    assert anna.queue() == []
    hub.dispute(signal, by_you=True)
    until(lambda: anna.queue() == ["v-1"], what="the hold")
    until(lambda: events(config, "v-1")[-1]["data"].get("undoes") == "block", what="the event")


@pytest.mark.nightly
def test_a_dispute_is_taken_back_only_with_the_last_decision_that_disputes(hub, agent, anna, ben):
    held(hub, agent, "v-1", "v-2", "v-3")
    ben.decide("v-3", "dispute", reason="a cat")
    anna.decide("v-1", "dispute", reason="a cat", until=str(time.time() + 1))
    until(lambda: hub.opinions, what="the dispute")
    anna.undo()
    assert anna.queue() == ["v-1", "v-2"]
    ben.get()
    ben.undo()
    until(lambda: hub.opinions[-1][1] == "seen", what="that it was taken back")
    assert [opinion for _, opinion, _ in hub.opinions].count("seen") == 1


@pytest.mark.nightly
def test_what_was_let_pass_is_not_held_again_by_the_journal(hub, agent, config, anna):
    value = sha256(b"early")
    agent.ask({"sha256": value, "ref": "early"})
    hub.share(value, **HELD)
    wait_event(config, "early", "content.hold")
    assert "uploaded before the signal" in anna.open("early").text
    anna.decide("early", "pass")
    wait_event(config, "early", "content.release")
    hub.rewrite_history()  # a snapshot: all signals are searched for again
    hub.share(sha256(b"z"))
    agent.wait(position=hub.head)
    until(lambda: agent.health()["journal"]["searched"] >= 3, what="the search")
    assert anna.queue() == []
    hub.share(value, shared_by="third-provider", confirmed_by=[])  # a signal that nobody judged
    until(lambda: anna.queue() == ["early"], what="a new hold")


def test_escalated_content_stays_marked_for_a_colleague(hub, agent, anna, ben):
    held(hub, agent, "v-1")
    assert anna.decide("v-1", "escalate").status_code == 400
    anna.decide("v-1", "escalate", reason="not sure")
    assert anna.at() == ""
    assert anna.queue() == ["v-1"]
    assert "escalated by" in anna.page.text
    ben.get("/next")
    assert ben.at() == "v-1"
    assert "not sure" in ben.page.text


@pytest.mark.nightly
def test_a_dispute_whose_reason_looks_like_personal_data_reaches_the_hub(hub, agent, anna):
    held(hub, agent, "v-1")
    anna.decide("v-1", "dispute", reason="piet@example.org says it is a news picture")
    (opinion,) = until(lambda: hub.opinions, what="the dispute")
    assert opinion[2] == "piet@example.org says it is a news picture"


def test_a_dispute_lets_pass_and_reaches_the_hub(hub, agent, config, anna):
    signal = held(hub, agent, "v-1", "v-2")
    assert anna.decide("v-1", "dispute").status_code == 400
    anna.decide("v-1", "dispute", reason="a news picture")
    wait_event(config, "v-1", "content.release")
    (opinion,) = until(lambda: hub.opinions, what="the dispute")
    assert opinion == (str(signal.id), "dispute", "a news picture")
    anna.get()
    anna.undo()
    until(lambda: len(hub.opinions) == 2, what="that it was taken back")
    assert hub.opinions[1][1] == "seen"


def test_one_decision_for_all_of_a_signal_and_nothing_else(hub, agent, anna, ben):
    value = sha256(b"same")
    held(hub, agent, *(f"v-{n}" for n in range(30)), value=value)
    held(hub, agent, "other")
    ben.open("v-7")
    page = anna.get("/all", ref="v-1").text
    assert "One decision for 30 items" in page
    assert "1 are open elsewhere" in page
    seen_at = re.search(r'name="until" value="([\d.]+)"', page)[1]
    agent.ask({"sha256": value, "ref": "late"})
    anna.decide("v-1", "block", until=seen_at)
    assert "Blocked: 29. Left out, because somebody else has them open: 1." in anna.page.text
    assert sorted(anna.queue()) == ["late", "other", "v-7"]
    anna.undo()
    assert len(anna.queue()) == 32


def test_two_people_never_have_the_same_item(hub, agent, config, anna, ben):
    held(hub, agent, "a", severity="critical")
    held(hub, agent, "b", severity="low")
    anna.get("/next")
    assert anna.at() == "a"
    ben.get("/next")
    assert ben.at() == "b"
    page = ben.open("a").text
    assert "has this open until" in page
    assert ">Block<" not in page
    assert "somebody else has them open: 1" in ben.decide("a", "pass").text
    assert [event["type"] for event in events(config, "a")] in ([], ["content.hold"])
    anna.get()  # whoever leaves gives it back
    assert ">Block<" in ben.open("a").text
    age(config, "review_locks", "until", minutes=6)
    assert ">Block<" in anna.open("a").text


def test_what_was_released_meanwhile_is_no_item(hub, agent, config, anna):
    signal = held(hub, agent, "v-1")
    anna.open("v-1")
    hub.withdraw(signal)
    wait_event(config, "v-1", "content.release")
    assert "have changed since: 1" in anna.decide("v-1", "block").text
    assert events(config, "v-1")[-1]["type"] == "content.release"
    assert "not held any more" in anna.open("v-1").text
    assert "not held any more" in anna.open("never-there").text


@pytest.mark.nightly
def test_letter_keys_can_be_switched_off(anna):
    assert 'data-letters="on"' in anna.page.text
    assert 'data-letters="off"' in anna.post("letters").text


@pytest.mark.nightly
def test_several_processes_have_one_queue_and_print_one_link(hub, provider, tmp_path):
    toml = f"""
name = "uploads"
hub_url = "{hub.url}"
key = "{KEY}"
data_dir = "{tmp_path / "agent"}"
port = 0
http_workers = 2
accept_missing_walls = ["landlock", "seccomp", "network", "memory"]
[webhook]
url = "{provider.url}"
secret = "{SECRET}"
[review]
enabled = true
"""
    agent = AgentInProcess(tmp_path, toml)
    try:
        agent.wait(ready=True, http_workers=2)
        held(hub, agent, *(f"v-{n}" for n in range(8)))
        token = agent.start_line["review"].partition("link=")[2]
        with Moderator(agent, None, link=token) as anna:
            for _ in range(8):
                with httpx.Client(cookies=anna.http.cookies, timeout=60) as other:  # a connection
                    page = other.get(f"{anna.root}{anna.home}/next", follow_redirects=True)
                    ref = parse_qs(urlsplit(str(page.url)).query)["ref"][0]
                    fields = {"ref": ref, "verdict": "block", "form_token": anna.form_token}
                    other.post(f"{anna.root}{anna.home}/decide", data=fields)
            assert anna.queue() == []
        blocks = {("content.block", f"v-{n}") for n in range(8)}
        until(lambda: blocks <= set(provider.told()), what="all blocks")
        assert agent.http.get("/metrics").text.count('reviews_total{verdict="block"} 8.0') == 1
    finally:
        agent.stop()


def test_what_is_stored_of_a_person_is_deleted_at_its_term(hub, agent, config, anna):
    held(hub, agent, "v-1")
    anna.decide("v-1", "block", reason="Anna's reason")
    tables = ("review_decisions", "review_sessions", "review_events", "review_allowances")
    with closing(sqlite3.connect(config.data_dir / "agent.db", timeout=30)) as other, other:
        other.execute("INSERT INTO review_pictures VALUES ('i', 'anna', 's', '', 0)")
        other.execute("INSERT INTO review_allowances VALUES ('anna', 0, 'why')")
        other.execute("UPDATE review_sessions SET began_at = 0")
        actions.forget(other, before=datetime.now(UTC))
        for table in (*tables, "review_pictures", "review_blind_checks"):
            assert other.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - our own


@pytest.mark.nightly
def test_the_statement_of_a_block_says_that_a_person_decided(hub, sandbox, tmp_path):
    settings = Transparency(
        ground=Ground.TERMS,
        reference="section 4",
        explanation="No terrorist content.",
        territorial_scope=("BE",),
    )
    config = config_of(hub, tmp_path, review=ON)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        held(hub, agent, "v-1")
        age(config, "acted", "at", minutes=2 * 24 * 60)
        with Moderator(agent, config) as anna:
            anna.decide("v-1", "block")
        (block,) = restrictions.read_all(config.data_dir, since=None)
        fields = statement(block, settings)
    assert lint(fields) == []
    assert fields["automated_decision"] == "AUTOMATED_DECISION_PARTIALLY"
    assert fields["decision_facts"].endswith("A person then decided.")
    assert fields["content_date"] < fields["application_date"]


# blind checks


@pytest.fixture
def all_again(hub, sandbox, tmp_path):
    """An agent where a colleague looks at every decision again."""
    settings = ReviewSettings(enabled=True, blind_check_percent=100)
    config = config_of(hub, tmp_path, review=settings)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        yield agent, config


@pytest.mark.parametrize("first", rounds(["block"], nightly=["block", "pass", "dispute"]))
@pytest.mark.parametrize("second", ["block", "pass"])
def test_a_blind_check_is_blind_and_holds_again_where_two_disagree(hub, all_again, first, second):
    agent, config = all_again
    held(hub, agent, "v-1")
    with Moderator(agent, config) as anna, Moderator(agent, config, "Ben") as ben:
        anna.decide("v-1", first, reason="my-reason")
        assert "Blind checks for you" not in anna.get().text
        assert "Blind checks for you: 1" in ben.get().text
        page = ben.get("/check").text
        number = re.search(r'name="number" value="(\d+)"', page)[1]
        for word in ("my-reason", "Anna", "blocked", "disputed", "could not be read"):
            assert word not in page
        assert anna.get("/check", number=number).url.path == anna.home  # not one's own
        ben.post("answer", number=number, verdict=second)
        agrees = (first == "block") == (second == "block")
        assert ("decided the same" in ben.page.text) == agrees
        assert ("decided otherwise" in ben.page.text) == (not agrees)
        assert anna.queue() == ([] if agrees else ["v-1"])
        assert f"agreed in {100 * agrees} % of 1 blind checks" in anna.page.text
        if not agrees:
            assert "reviewers disagree" in anna.page.text
            event = wait_event(config, "v-1", "content.hold")["data"]
            assert event["why"] == "two reviewers disagree"
        ben.post("answer", number=number, verdict=second)
        assert "not needed any more" in ben.page.text
    word = "agreed" if agrees else "disagreed"
    assert f'reviews_total{{verdict="{word}"}} 1.0' in agent.http.get("/metrics").text


@pytest.mark.nightly
def test_every_dispute_is_looked_at_again_and_no_decision_that_was_taken_back(
    hub, agent, anna, ben
):
    held(hub, agent, "v-1", "v-2", "v-3")
    seen_at = str(time.time() + 1)
    anna.decide("v-1", "dispute", reason="a cat", until=seen_at)
    assert "Blind checks for you: 1" in ben.get().text  # one of three: the signal is the same
    anna.get()
    anna.undo()
    assert "Blind checks" not in ben.get().text


@pytest.mark.nightly
def test_without_a_percentage_there_are_no_blind_checks(hub, sandbox, tmp_path):
    settings = ReviewSettings(enabled=True, blind_check_percent=0)
    config = config_of(hub, tmp_path, review=settings)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        held(hub, agent, "v-1")
        with Moderator(agent, config) as anna, Moderator(agent, config, "Ben") as ben:
            anna.decide("v-1", "dispute", reason="a cat")
            assert "Blind checks" not in ben.get().text


# pictures


@pytest.mark.parametrize(
    ("shown_min", "now_min", "until_min"),
    [
        ([], 0, 0),
        ([0], 1, 0),
        ([0, 30, 59], 61, 0),  # the gaps were breaks
        ([0, 10, 20, 30, 40, 50], 61, 65),
        ([0, 10, 20, 30, 40, 50], 65, 0),
        ([0, 10, 20, 30, 45, 50, 60], 70, 0),
    ],
)
def test_a_break_comes_after_an_hour_of_pictures(shown_min, now_min, until_min):
    ends = break_until([60.0 * at for at in shown_min], settings=ON, now=60.0 * now_min)
    assert ends == 60 * until_min


@pytest.mark.nightly
def test_the_break_is_taken_on_the_page_and_is_not_skipped_by_a_new_link(
    hub, provider, sandbox, tmp_path
):
    settings = ReviewSettings(
        enabled=True, picture_url=f"{provider.address}/pictures/{{ref}}", break_after_min=1
    )
    webhook = WebhookSettings(url=provider.url, secret=SECRET)
    config = config_of(hub, tmp_path, review=settings, webhook=webhook)
    provider.pictures["a"] = picture("chelsea.png")
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        held(hub, agent, "a")
        with Moderator(agent, config) as anna:
            anna.post("look", ref="a")
            assert shown(anna).status_code == 200
        age(config, "review_pictures", "at", minutes=2)
        with Moderator(agent, config, reason="attack") as anna:
            assert "Take a break" in anna.open("a").text
            anna.post("look", ref="a")
            assert shown(anna) is None
            age(config, "review_pictures", "at", minutes=15)
            anna.post("look", ref="a")
            assert shown(anna).status_code == 200


@pytest.fixture
def with_pictures(hub, provider, sandbox, tmp_path):
    """An agent that asks the provider for pictures, with a limit of two a day."""
    settings = ReviewSettings(
        enabled=True, picture_url=f"{provider.address}/pictures/{{ref}}", pictures_per_day=2
    )
    webhook = WebhookSettings(url=provider.url, secret=SECRET)
    config = config_of(hub, tmp_path, review=settings, webhook=webhook)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        yield agent, config


def shown(moderator):
    """The picture on the page, or None."""
    source = re.search(r'<img class="look__still" src="([^"]+)"', moderator.page.text)
    return moderator.http.get(unescape(source[1])) if source else None


def test_a_picture_is_shown_small_grey_and_only_when_asked_for(hub, with_pictures, provider):
    agent, config = with_pictures
    provider.pictures["v/1"] = picture("chelsea.png")
    held(hub, agent, "v/1")
    with Moderator(agent, config) as anna:
        anna.open("v/1")
        assert shown(anna) is None
        assert provider.picture_requests == []
        anna.post("look", ref="v/1")
        veiled = shown(anna)
        assert veiled.headers["content-type"] == "image/jpeg"
        anna.get(
            "/item",
            ref="v/1",
            look=parse_qs(urlsplit(str(anna.page.url)).query)["look"][0],
            clear="1",
        )
        clear = shown(anna)
        for image in (veiled, clear):
            assert colours(image.content) == "L"
        assert len(clear.content) > len(veiled.content)
        assert provider.picture_requests == ["v/1"]  # signed, and asked for once
        assert "1 left" in anna.page.text
        with Moderator(agent, config, "Ben") as ben:
            assert (
                ben.http.get(ben.home + "/picture", params=dict(veiled.url.params)).status_code
                == 404
            )


def colours(content):
    with Image.open(io.BytesIO(content)) as image:
        assert max(image.size) <= 480
        return image.mode


def test_the_budget_stops_whatever_is_tried_and_starts_anew_with_a_reason(
    hub, with_pictures, provider
):
    agent, config = with_pictures
    for ref in ("a", "b", "c"):
        provider.pictures[ref] = picture("chelsea.png")
    held(hub, agent, "a", "b", "c")
    with Moderator(agent, config) as anna, Moderator(agent, config, "  ANNA ") as again:
        for ref in ("a", "b"):
            anna.post("look", ref=ref)
            assert shown(anna).status_code == 200
        for moderator in (anna, again):  # a second session does not help
            moderator.open("c")
            assert "reached your limit" in moderator.page.text
            moderator.post("look", ref="c")
            assert shown(moderator) is None
        assert provider.picture_requests == ["a", "b"]
        with Moderator(agent, config, "Ben") as ben:
            ben.post("look", ref="c")
            assert shown(ben).status_code == 200
        with Moderator(
            agent, config, "Anna", reason="attack in progress, with her consent"
        ) as more:
            more.post("look", ref="c")
            assert shown(more).status_code == 200
    metrics = agent.http.get("/metrics").text
    assert "stemtide_agent_review_pictures_total" in metrics


NO_PICTURES = [
    (b"\x89PNG\r\n\x1a\n" + b"junk" * 100, "not a picture or a film that can be decoded"),
    (b"<script>alert(1)</script>", "not a picture or a film that can be decoded"),
    (404, "answered 404"),
    ("text/html", "sent neither a picture nor a film"),
    ("redirect", "answered 302"),
]


@pytest.mark.parametrize(
    ("answer", "why"),
    rounds([NO_PICTURES[1], NO_PICTURES[4]], nightly=NO_PICTURES),
)
def test_what_is_no_picture_is_not_shown_and_does_not_count(
    hub, with_pictures, provider, answer, why
):
    agent, config = with_pictures
    provider.pictures["a"] = answer
    held(hub, agent, "a")
    with Moderator(agent, config) as anna:
        anna.post("look", ref="a")
        assert why in anna.page.text
        assert shown(anna) is None
        assert "2 left" in anna.page.text
