# SPDX-License-Identifier: Apache-2.0
"""Uploads that came before their signal: remembered, found, acted on, released, erased."""

import io
import json
import sqlite3
import time

import numpy as np
import pytest
from PIL import Image

from stemtide.agent.config.journal import JournalSettings
from stemtide.agent.config.settings import ConfigError, load
from stemtide.agent.http.app import create_app
from stemtide.agent.journal.entries import JournalEntry
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.url.canonical import digest
from tests.agent.streams import known_film, shared_values
from tests.agent.test_review_passages import KNOWN, UPLOAD, value_of, words
from tests.agent.world import (
    SECRET,
    AgentInProcess,
    agent_of,
    config_of,
    picture,
    sha256,
    until,
)
from tests.rounds import rounds

CAT = picture("chelsea.png")
ROCKET = picture("rocket.jpg")


def pdq_of(sandbox, blob):
    (found,) = sandbox.fingerprint(blob).of(Kind.PDQ)
    return found.hex


def mirrored(blob):
    """The same photograph, mirrored and half as large."""
    image = Image.open(io.BytesIO(blob)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    kept = io.BytesIO()
    image.resize((image.width // 2, image.height // 2)).save(kept, "JPEG", quality=80)
    return kept.getvalue()


def actions_on(config, ref):
    """The events about an upload, in their order. The agent may be writing: only whole lines."""
    if not config.actions_path.exists():
        return []
    lines = config.actions_path.read_text().splitlines(keepends=True)
    events = [json.loads(line) for line in lines if line.endswith("\n")]
    return [event for event in events if event["data"]["ref"] == ref]


def wait_acted(config, ref, kind):
    """Wait for the event of a kind about an upload, and return it."""

    def acted():
        return next((e for e in actions_on(config, ref) if e["type"] == kind), None)

    return until(acted, what=f"{kind} of {ref}")


def wait_searched(agent, number):
    """Wait until so many signals were searched for in the journal."""
    until(lambda: agent.health()["journal"]["searched"] >= number, what=f"{number} searches")


@pytest.mark.parametrize("orientations", rounds([8], nightly=[1, 8]))
def test_an_earlier_upload_is_blocked_by_a_later_signal_and_released_with_it(
    hub, sandbox, tmp_path, orientations
):
    config = config_of(hub, tmp_path, journal=JournalSettings(orientations=orientations))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True, hub_reachable=True)
        assert agent.match(mirrored(CAT), ref="early")["decision"]["action"] is None
        agent.match(ROCKET, ref="other")
        signal = hub.share(pdq_of(sandbox, CAT), kind="pdq")
        event = wait_acted(config, "early", "content.block")
        assert event["data"]["signal"] == str(signal.id)
        assert event["data"]["matches"][0]["transform"] == "mirrored"
        assert event["data"]["uploaded_at"] <= event["timestamp"]
        hub.withdraw(signal)
        assert wait_acted(config, "early", "content.release")["data"]["undoes"] == "block"
        assert actions_on(config, "other") == []
        until(lambda: hub.outcomes, what="a report to the hub")


def test_addresses_folders_and_digests_are_found_too(hub, agent, config):
    agent.ask({"url": "https://example.com/a/b/1.html", "ref": "page"})
    agent.match(b"some text file", ref="file")
    hub.share(digest("example.com/a/b/").hex(), kind="url", reach="folder")
    hub.share(sha256(b"some text file"))
    wait_acted(config, "file", "content.block")
    event = wait_acted(config, "page", "content.hold")
    assert event["data"]["matches"][0]["kind"] == "url"


@pytest.mark.nightly
@pytest.mark.parametrize("kind", rounds(["audio"], nightly=["video", "audio"]))
def test_films_are_found_too_by_frames_and_by_sound(hub, agent, config, sandbox, kind):
    agent.match(known_film(), ref="early")
    agent.match(ROCKET, ref="other")
    hub.share(shared_values(sandbox)[kind], kind=kind)
    wait_acted(config, "early", "content.block")
    assert actions_on(config, "other") == []


@pytest.mark.nightly
def test_a_text_is_found_too_by_a_passage_of_it(hub, agent, config):
    agent.match(UPLOAD.encode(), ref="early")
    agent.match(words("another", 300).encode(), ref="other")
    hub.share(value_of(KNOWN).hex(), kind="text")
    wait_acted(config, "early", "content.block")
    assert actions_on(config, "other") == []


def test_what_is_only_looked_at_is_not_remembered(hub, agent, config):
    agent.ask({"sha256": sha256(b"x"), "ref": "looked"}, look="1")
    agent.ask({"sha256": sha256(b"y"), "ref": "sent"})
    assert agent.http.get("/journal").json()["entries"] == 1
    hub.share(sha256(b"x"))
    hub.share(sha256(b"y"))
    wait_acted(config, "sent", "content.block")
    wait_searched(agent, 2)
    assert actions_on(config, "looked") == []


@pytest.mark.usefixtures("searched_often")
def test_an_erased_upload_is_not_found_and_leaves_no_trace(hub, agent, config):
    agent.ask({"sha256": sha256(b"x"), "ref": "user/7 photo"}, {"sha256": sha256(b"y"), "ref": "b"})
    until(lambda: agent.health()["journal"]["entries"] == 2, what="two entries")
    assert agent.http.delete("/journal/user/7 photo").status_code == 204
    again = agent.http.delete("/journal/user/7 photo")
    assert again.status_code == 404
    assert "user/7 photo" in again.json()["detail"]
    hub.share(sha256(b"x"))
    hub.share(sha256(b"y"))
    wait_acted(config, "b", "content.block")
    wait_searched(agent, 2)
    assert actions_on(config, "user/7 photo") == []


def test_signals_that_came_while_the_agent_was_away_are_searched_for(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        agent.ask({"sha256": sha256(b"x"), "ref": "early"})
    hub.share(sha256(b"x"))
    with agent_of(config, sandbox):
        wait_acted(config, "early", "content.block")


def test_after_a_snapshot_nothing_is_acted_on_twice(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        agent.ask({"sha256": sha256(b"x"), "ref": "early"})
        hub.share(sha256(b"x"))
        wait_acted(config, "early", "content.block")
        hub.rewrite_history()  # as after a restore: a snapshot is taken
        hub.share(sha256(b"z"))
        agent.wait(position=hub.head)
        wait_searched(agent, 3)
    assert [event["type"] for event in actions_on(config, "early")] == ["content.block"]


@pytest.mark.nightly
def test_a_signal_of_what_everybody_has_is_lowered_before_it_acts(hub, agent, config):
    common = sha256(b"empty page")
    for number in range(12):
        items = [{"sha256": common, "ref": f"{number}-{n}"} for n in range(100)]
        agent.ask(*items)
    agent.http.get("/journal")
    hub.share(common, shared_by="another-provider", confirmed_by=[])
    wait_acted(config, "3-7", "content.hold")
    assert not [e for e in actions_on(config, "3-7") if e["type"] == "content.block"]
    (row,) = agent.http.get("/runaways").json()["runaways"]
    assert row["state"] == "lowered"


def test_without_a_journal_nothing_is_written(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path, journal=JournalSettings(enabled=False))
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        agent.ask({"sha256": sha256(b"x"), "ref": "early"})
        hub.share(sha256(b"x"))
        agent.wait(position=hub.head)
        assert agent.health()["journal"] is None
        assert agent.http.get("/journal").json()["enabled"] is False
        assert agent.http.delete("/journal/early").status_code == 404
    assert not list(config.data_dir.glob("journal*"))


def test_a_journal_without_its_key_is_set_aside_and_named(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path)
    with agent_of(config, sandbox) as agent:
        agent.wait(ready=True)
        agent.ask({"sha256": sha256(b"x"), "ref": "early"})
    (config.data_dir / "journal.key").unlink()
    with agent_of(config, sandbox) as agent:
        trouble = agent.wait(ready=True)["troubles"]["journal"]
        assert "its key is gone" in trouble
        agent.ask({"sha256": sha256(b"y"), "ref": "late"})
        hub.share(sha256(b"y"))
        wait_acted(config, "late", "content.block")
    assert len(list(config.data_dir.glob("journal.db.unreadable-*"))) == 1


def test_a_wrong_key_file_stops_the_agent_with_the_remedy(hub, sandbox, tmp_path):
    key = tmp_path / "my.key"
    key.write_text("not a key")
    config = config_of(hub, tmp_path, journal=JournalSettings(key_file=key))
    expected = r"journal\.key_file: .*my\.key does not hold a key"
    with Store(config.data_dir) as store, pytest.raises(ConfigError, match=expected):
        create_app(config, store=store, sandbox=sandbox)


def test_the_settings_of_the_journal_are_read_and_checked(tmp_path):
    file = tmp_path / "agent.toml"
    start = 'name = "a"\nhub_url = "https://hub.example"\nkey = "k"\ndata_dir = "d"\n[journal]\n'
    file.write_text(start + "enabled = false\ndays = 7\n")
    assert load(file, env={}).journal == JournalSettings(enabled=False, days=7)
    env = {"STEMTIDE_AGENT_JOURNAL_ENABLED": "true", "STEMTIDE_AGENT_JOURNAL_DAYS": "9"}
    assert load(file, env=env).journal == JournalSettings(days=9)
    file.write_text(start + "orientations = 4\n")
    with pytest.raises(ConfigError, match=r"journal\.orientations: must be 1 or 8, not 4"):
        load(file, env={})


def test_no_upload_is_lost_between_processes_that_share_the_work(hub, provider, tmp_path):
    toml = f"""
name = "uploads"
hub_url = "{hub.url}"
key = "st_agent_secret"
data_dir = "{tmp_path / "agent"}"
port = 0
http_workers = 3
accept_missing_walls = ["landlock", "seccomp", "network", "memory"]
[webhook]
url = "{provider.url}"
secret = "{SECRET}"
"""
    agent = AgentInProcess(tmp_path, toml)
    try:
        agent.wait(ready=True)
        refs = []
        for number in range(rounds(20, nightly=60)):  # each upload races with its signal
            value = sha256(str(number).encode())
            if number % 2:
                agent.ask({"sha256": value, "ref": f"u{number}"})
                hub.share(value)
            else:
                hub.share(value)
                agent.ask({"sha256": value, "ref": f"u{number}"})
            refs.append(("content.block", f"u{number}"))
        until(lambda: set(refs) <= set(provider.told()), what="all blocks")
    finally:
        agent.stop()


# the file


@pytest.fixture
def chosen():
    return np.random.default_rng(11)


def entry(ref, value, *, at=1_700_000_000, kind=Kind.SHA256):
    return JournalEntry(ref, at, Fingerprints((Fingerprint(kind, value),)))


def test_the_file_shows_neither_ids_nor_values(tmp_path, chosen):
    value = chosen.bytes(32)
    with_text = JournalFile(tmp_path)
    with_text.add([entry("user-7-photo", value)])
    (stored,) = with_text.after(0, limit=9)
    assert (stored.ref, stored.prints.each[0].value) == ("user-7-photo", value)
    with_text.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("journal.db*"))
    assert b"user-7" not in kept
    assert value not in kept
    assert (tmp_path / "journal.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "journal.db").stat().st_mode & 0o077 == 0


def test_the_first_time_of_an_upload_stays_until_its_content_changes(tmp_path, chosen):
    one, other = chosen.bytes(32), chosen.bytes(32)
    file = JournalFile(tmp_path)
    file.add([entry("a", one, at=100)])
    file.add([entry("a", one, at=90_000)])
    assert [(e.seq, e.at) for e in file.after(0, limit=9)] == [(1, 100)]
    file.add([entry("a", other, at=95_000)])
    assert [(e.seq, e.at) for e in file.after(0, limit=9)] == [(2, 95_000)]
    assert file.gone_after(0) == ([1], 1)
    assert file.gone_after(1) == ([], 1)


def test_old_entries_are_forgotten_and_the_earliest_beyond_the_size(tmp_path, chosen):
    file = JournalFile(tmp_path)
    file.add([entry(f"r{n}", chosen.bytes(32), at=n * 3600) for n in range(100)])
    assert file.forget(before=40 * 3600, max_bytes=10**9) == 40
    assert file.size().oldest_hour == 40 * 3600
    file.add([entry(f"s{n}", chosen.bytes(32), at=200 * 3600) for n in range(9000)])
    before = file.size()
    file.forget(before=0, max_bytes=before.size_bytes // 2)
    after = file.size()
    assert after.size_bytes <= before.size_bytes // 2
    assert after.oldest_hour == 200 * 3600


def test_an_agent_forgets_uploads_of_longer_ago_than_is_set(hub, sandbox, tmp_path, chosen):
    config = config_of(hub, tmp_path, journal=JournalSettings(days=2))
    config.data_dir.mkdir()
    file, now = JournalFile(config.data_dir), time.time()
    file.add([entry("old", chosen.bytes(32), at=now - 3 * 24 * 3600)])
    file.add([entry("new", chosen.bytes(32), at=now)])
    file.close()
    with agent_of(config, sandbox) as agent:
        until(lambda: agent.http.get("/journal").json()["entries"] == 1, what="an end of the old")


def test_a_damaged_file_is_set_aside(tmp_path, chosen):
    file = JournalFile(tmp_path)
    file.add([entry("a", chosen.bytes(32))])
    file.close()
    (tmp_path / "journal.db").write_bytes(b"no database" * 1000)
    file = JournalFile(tmp_path)
    assert "it is damaged" in file.trouble
    assert file.size().entries == 0


def test_a_changed_entry_is_erased_and_named(tmp_path, chosen):
    file = JournalFile(tmp_path)
    file.add([entry("a", chosen.bytes(32)), entry("b", chosen.bytes(32))])
    changed = "CAST(substr(body, 1, 40) || x'00' || substr(body, 42) AS BLOB)"
    with sqlite3.connect(tmp_path / "journal.db") as other:
        other.execute(f"UPDATE entries SET body = {changed} WHERE seq = 1")  # noqa: S608 - our own
    assert [e.ref for e in file.after(0, limit=9)] == ["b"]
    assert "is damaged" in file.trouble
    assert file.size().entries == 1
