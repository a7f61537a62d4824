# SPDX-License-Identifier: Apache-2.0
import re
from dataclasses import fields
from pathlib import Path

import pytest

from stemtide.agent.config.journal import JournalSettings
from stemtide.agent.config.review import ReviewSettings
from stemtide.agent.config.settings import DEFAULT_RULES, Config, Unread, load
from stemtide.protocol.enums import Action
from tests.agent import streams
from tests.agent.world import SECRET, agent_of, config_of, picture, sha256

DOCS = Path(__file__).parents[2] / "docs"
USE = (DOCS / "use/agent.md").read_text("utf-8")
RUN = (DOCS / "run/agent.md").read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", USE, re.DOTALL)


def test_the_plug_in_on_the_page_works(hub, agent):
    hub.share(sha256(picture("camera.png")))
    agent.wait(position=1)
    source = blocks("python")[0]
    assert "127.0.0.1:8471" in source
    page = {}
    address = str(agent.http.base_url).rstrip("/")
    exec(source.replace("http://127.0.0.1:8471", address), page)  # noqa: S102 - our own page
    with page["agent"]:
        assert page["verdict"]("upload-1", picture("camera.png")) == "block"
        assert page["verdict"]("upload-2", picture("moon.png")) == "publish"
        assert page["verdict"]("upload-3", picture("chelsea.png")[:600]) == "hold"


def test_the_settings_on_the_page_are_settings(tmp_path):
    start, policy, _signed, webhook = blocks("toml")
    (tmp_path / "hub.key").write_text("st_a_b")
    (tmp_path / "webhook.secret").write_text(SECRET)
    (tmp_path / "agent.toml").write_text(f"{start}\n{policy}\n{webhook}", "utf-8")
    config = load(tmp_path / "agent.toml", env={})
    assert [rule.action for rule in config.policy.rules] == [Action.HOLD, Action.BLOCK, Action.HOLD]
    assert config.webhook.secret == SECRET


def test_the_shipped_policy_is_the_one_on_the_page():
    told = re.findall(r"^\| `([a-z-]+)`: .*? \| (\w+) \|", USE, re.MULTILINE)
    assert told == [(rule.name, rule.action) for rule in DEFAULT_RULES]


def test_what_becomes_of_the_unread_is_on_the_page_by_name():
    for one in fields(Unread):
        assert re.search(rf"^\| `policy.{one.name}`[ ,]", RUN, re.MULTILINE), one.name
        assert f"`{one.name}`" in USE


def test_every_field_of_health_and_every_metric_is_on_the_page(agent):
    for name in set(agent.health()) - {"name", "version", "exercise", "hub"}:
        assert f"`{name}`" in RUN, name
    text = agent.http.get("/metrics").text
    for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE):
        if not name.endswith("_created"):
            assert re.search(rf"`{name}[`{{]", RUN), name


def test_the_answer_on_the_page_has_the_fields_of_an_answer(hub, agent):
    hub.share(sha256(b"x"))
    agent.wait(position=1)
    answer = agent.http.post("/match", json={"items": [{"sha256": sha256(b"x")}]})
    (shown,) = blocks("json")
    assert set(re.findall(r'"(\w+)":', answer.text)) == set(re.findall(r'"(\w+)":', shown))


@pytest.mark.nightly
def test_the_live_example_on_the_page_works(hub, agent, sandbox):
    hub.share(streams.shared_values(sandbox)["video"], kind="video")
    agent.wait(position=1)
    source = next(one for one in blocks("python") if "/live/" in one)
    page = {}
    address = str(agent.http.base_url).rstrip("/")
    exec(source.replace("http://127.0.0.1:8471", address), page)  # noqa: S102 - our own page
    with page["agent"]:
        assert page["watch"]("tv", streams.chunks(streams.OTHER, streams.KNOWN)) == "block"
        assert page["watch"]("quiet", streams.chunks(streams.OTHER)) == "ended"
    shown = re.search(r'^\{"stream": .*?```', USE, re.DOTALL | re.MULTILINE)[0]
    told = agent.http.get("/live/tv").json()
    assert set(told) <= set(re.findall(r'"(\w+)":', shown))


def test_every_setting_is_on_the_page():
    for one in fields(Config):
        if one.name not in {"webhook", "companion", "journal", "key_path", "review", "policies"}:
            assert re.search(rf"^\| `{one.name}`[ ,]", RUN, re.MULTILINE), one.name
    for one in fields(JournalSettings):
        assert f"`journal.{one.name}`" in RUN
    for one in fields(ReviewSettings):
        assert f"`review.{one.name}`" in RUN


def test_every_metric_of_the_review_page_is_on_the_page(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path, review=ReviewSettings(enabled=True))
    with agent_of(config, sandbox) as agent:
        for name in re.findall(
            r"^# TYPE (\S*review\S*)", agent.http.get("/metrics").text, re.MULTILINE
        ):
            assert re.search(rf"`{name}[`{{]", RUN) or name.endswith("_created"), name
