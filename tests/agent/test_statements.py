# SPDX-License-Identifier: Apache-2.0
"""What an agent blocked is owed a statement of reasons: written for review, or posted by itself."""

import asyncio
import json
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stemtide.agent.config.settings import ConfigError, load
from stemtide.agent.config.transparency import Ground, Transparency, database_address
from stemtide.agent.outbox import restrictions
from stemtide.agent.outbox.restrictions import BlockedContent, read_all
from stemtide.agent.outbox.statements import Statements, statement
from stemtide.agent.store.database import Store
from stemtide.protocol.law.dsa.answers import Remark
from stemtide.protocol.law.dsa.statements import lint
from tests.agent import test_own_banks as own_banks
from tests.agent.world import AgentInProcess, config_of, picture, sha256, until
from tests.cli.conftest import run
from tests.rounds import rounds
from tests.transparency_database import Fault, TransparencyDatabase, wrong

ONE, TWO = sha256(b"one"), sha256(b"two")
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
OURS = {
    "ground": Ground.TERMS,
    "reference": "Terms of use, section 4",
    "explanation": "Terrorist content is not allowed here.",
    "territorial_scope": frozenset({"NL", "BE"}),
}
TOML = """
[transparency]
ground = "terms"
reference = "Terms of use, section 4"
explanation = "Terrorist content is not allowed here."
territorial_scope = ["NL", "BE"]
"""


@pytest.fixture
def database():
    database = TransparencyDatabase().start()
    yield database
    database.stop()


def posting_to(database):
    address = database_address(database.url)
    return Transparency(**OURS, address=address, token=database.token, wait_s=0)


@pytest.fixture
def config(hub, database, tmp_path):
    return config_of(hub, tmp_path, transparency=posting_to(database), exercise=True)


def blocked(kinds=("sha256",), ended_at=None):
    return BlockedContent("a1", kinds, NOON.timestamp(), ended_at, "owed")


def share(hub, agent, value=ONE, **other):
    signal = hub.share(value, **other)
    agent.wait(position=hub.head)
    return signal


def test_a_block_is_posted_and_names_neither_content_nor_signal(hub, agent, database):
    signal = share(hub, agent)
    before = datetime.now(UTC).date().isoformat()
    agent.ask({"ref": "post-1", "sha256": ONE})
    (row,) = until(lambda: list(database.held.values()))
    assert (row["automated_detection"], row["automated_decision"]) == (
        "Yes",
        "AUTOMATED_DECISION_FULLY",
    )
    assert row["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_DISABLED"]
    assert before <= row["application_date"] <= datetime.now(UTC).date().isoformat()
    assert row["incompatible_content_ground"] == "Terms of use, section 4"
    text = json.dumps(row)
    assert not [one for one in ("post-1", ONE, str(signal.id), signal.shared_by) if one in text]
    agent.wait(statements_owed=0, statements_refused=0)


def test_exercises_holds_and_logs_are_owed_nothing(hub, agent, database):
    share(hub, agent, exercise=True)
    share(hub, agent, TWO, severity="low")
    agent.ask({"ref": "drill", "sha256": ONE}, {"ref": "held", "sha256": TWO})
    share(hub, agent, sha256(b"three"))
    agent.ask({"ref": "real", "sha256": sha256(b"three")})
    until(lambda: database.held)
    agent.wait(statements_owed=0)
    assert len(database.held) == 1


def test_the_same_content_asked_about_again_is_one_restriction(hub, agent, database):
    share(hub, agent)
    for _ in range(3):
        agent.ask({"ref": "post-1", "sha256": ONE})
    agent.ask({"ref": "post-2", "sha256": ONE})
    until(lambda: len(database.held) == 2)
    agent.wait(statements_owed=0)
    assert len(database.held) == 2


@pytest.mark.nightly
def test_what_is_undone_before_its_statement_leaves_says_when(hub, agent, database):
    database.token = "another"  # so that nothing leaves yet
    signal = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    hub.withdraw(signal)
    agent.wait(position=hub.head)
    refused = database.denied  # one that was made before the withdrawal may be on its way still
    until(lambda: database.denied >= refused + 2)
    database.token = "secret"
    (row,) = until(lambda: list(database.held.values()))
    assert row["end_date_visibility_restriction"] >= row["application_date"]


@pytest.mark.nightly
def test_content_blocked_again_after_its_release_is_another_restriction(hub, agent, database):
    signal = share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: len(database.held) == 1)
    hub.withdraw(signal)
    agent.wait_position(hub.head)  # in one page, the second signal would take over
    share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: len(database.held) == 2)


@pytest.mark.nightly
def test_a_signal_beside_an_own_bank_alone_begins_and_ends_what_is_stated(
    hub, agent, config, database
):
    own_banks.make(agent)
    own_banks.add(agent, ONE)
    agent.ask({"ref": "post-1", "sha256": ONE})
    signal = share(hub, agent)
    for _ in range(2):
        agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: len(database.held) == 1)
    (block,) = read_all(config.data_dir, since=None)
    assert (block.kinds, block.ended_at) == (("sha256",), None)
    hub.withdraw(signal)
    agent.wait_position(hub.head)
    until(lambda: read_all(config.data_dir, since=None)[0].ended_at)
    (decided,) = agent.ask({"ref": "post-1", "sha256": ONE})
    assert decided["decision"]["action"] == "block"
    assert len(read_all(config.data_dir, since=None)) == 1


def test_what_the_database_refuses_is_told_and_tried_again_when_asked(hub, agent, database):
    refusal = {"errors": {"statement_0": {"category": ["The category is invalid."]}}}
    database.faults.append(Fault(422, body=json.dumps(refusal).encode()))
    share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    agent.wait(statements_refused=1)
    said = "category: The category is invalid."
    until(lambda: agent.health()["troubles"].get("statements") == said)
    assert agent.http.post("/deliveries/retry").json()["statements"] == 1
    until(lambda: database.held)
    agent.wait(statements_refused=0)
    until(lambda: "statements" not in agent.health()["troubles"])


def test_a_token_that_is_not_taken_is_a_trouble_and_nothing_is_lost(hub, agent, database):
    database.token = "another"
    share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: "does not take the token" in agent.health()["troubles"].get("statements", ""))
    assert agent.health()["statements_owed"] == 1
    database.token = "secret"
    until(lambda: database.held)
    agent.wait(statements_owed=0)
    until(lambda: "statements" not in agent.health()["troubles"])


@pytest.fixture
def toml(hub, database, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    posting = f'address = "{database.url}"\ntoken_file = "token"\nwait_s = 0\n'
    start = f'name = "uploads"\nhub_url = "{hub.url}"\nkey = "st_agent_secret"\ndata_dir = "agent"'
    return f"{start}\nport = 0\nheartbeat_s = 0.2\n{TOML}{posting}"


def test_a_kill_while_a_call_is_on_its_way_posts_nothing_twice(hub, database, toml, tmp_path):
    database.faults.append(Fault(503, headers={"Retry-After": "600"}, after=True))
    agent = AgentInProcess(tmp_path, toml)
    share(hub, agent)
    agent.ask({"ref": "post-1", "sha256": ONE})
    until(lambda: database.held)
    agent.kill()
    agent.start()
    agent.wait(statements_owed=0)
    agent.stop()
    assert (len(database.held), database.posts) == (1, [1])
    assert database.asked == list(database.held)


@pytest.mark.nightly
def test_a_file_for_review_is_written_while_the_agent_runs(hub, toml, tmp_path, database):
    database.token = "another"  # so that nothing is posted meanwhile
    agent = AgentInProcess(tmp_path, toml)
    hub.share(sha256(picture("camera.png")))
    agent.wait(position=hub.head)
    agent.match(picture("camera.png"), ref="post-1")
    first = run("agent", "statements", "--config", tmp_path / "agent.toml")
    later = run("agent", "statements", "--config", tmp_path / "agent.toml", "--since", "2099-01-01")
    agent.stop()
    (row,) = first.rows
    assert (lint(row), wrong(row)) == ([], {})
    assert "1 statements; 0 were posted before" in first.err
    assert (later.code, later.out) == (0, "")
    (tmp_path / "rows.jsonl").write_text(first.out)
    database.token = "secret"
    words = ["--to", database.url, "--token-file", tmp_path / "token"]
    assert run("statement", "post", tmp_path / "rows.jsonl", *words).code == 0
    assert list(database.held) == [row["puid"]]


@pytest.fixture
def store(tmp_path):
    """A file with four blocks."""
    with Store(tmp_path) as store:
        with store.write() as tx:
            for number in range(4):
                at = NOON + timedelta(seconds=number)
                restrictions.begin(tx, ref=f"post-{number}", kinds={"md5"}, now=at)
        yield store


def rows_of(store):
    return store.read("SELECT puid, state, uuid, why FROM restrictions ORDER BY began_at")


def post_until(holds, *, store, database):
    """Post what is owed until something holds; return what was in the way then."""

    async def run():
        posts = Statements(settings=posting_to(database), store=store)
        running = asyncio.create_task(posts.run())
        await asyncio.to_thread(until, lambda: holds(posts))
        running.cancel()
        return posts.trouble

    return asyncio.run(run())


NO_NAMES = Fault(422, body=json.dumps({"message": "Something is wrong."}).encode())


HALVES = [(0, 2), (429, 0)]


@pytest.mark.parametrize(("status", "asks"), rounds(HALVES[:1], nightly=HALVES))
def test_only_the_half_that_failed_is_begun_again(store, database, status, asks):
    database.faults.extend([NO_NAMES, None, Fault(status)])
    post_until(lambda posts: posts.counts().waiting == 0, store=store, database=database)
    rows = rows_of(store)
    assert database.posts == [4, 2, 2, 2]
    assert database.asked == [puid for puid, *_ in rows[2:]][:asks]
    assert [(state, uuid) for _, state, uuid, _ in rows] == [
        ("posted", database.held[puid]["uuid"]) for puid, *_ in rows
    ]


@pytest.mark.parametrize(("status", "state"), [(401, "owed"), (429, "owed"), (503, "sending")])
def test_an_hour_that_the_database_asks_for_is_told_and_what_is_surely_not_there_is_owed(
    store, database, status, state
):
    database.faults.append(Fault(status, headers={"Retry-After": "3600"}))
    trouble = post_until(lambda posts: posts.trouble, store=store, database=database)
    assert str(status) in trouble
    assert [one for _, one, *_ in rows_of(store)] == [state] * 4


def test_without_the_table_there_is_no_file_and_the_command_says_why(toml, tmp_path):
    (tmp_path / "agent.toml").write_text(toml.partition("[transparency]")[0])
    Store(tmp_path / "agent").close()
    told = run("agent", "statements", "--config", tmp_path / "agent.toml")
    assert told.code == 2
    assert "[transparency] is missing" in told.err


def test_a_file_of_an_agent_that_never_ran_is_named(toml, tmp_path):
    (tmp_path / "agent.toml").write_text(toml)
    told = run("agent", "statements", "--config", tmp_path / "agent.toml")
    assert told.code == 1
    assert "agent.db is not there" in told.err


def test_the_table_on_the_page_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs/use/statements.md").read_text("utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    start = 'name = "a"\nhub_url = "https://hub.example"\nkey = "k"\ndata_dir = "d"\n'
    (tmp_path / "agent.toml").write_text(start + shown)
    assert load(tmp_path / "agent.toml", env={}).transparency.reference == OURS["reference"]


@pytest.mark.parametrize(
    ("kinds", "types", "words"),
    [
        (("pdq", "sha256"), ["CONTENT_TYPE_IMAGE"], "a picture"),
        (("gop", "video"), ["CONTENT_TYPE_VIDEO"], "a film"),
        (("audio",), ["CONTENT_TYPE_AUDIO"], "a sound"),
        (("audio", "video"), ["CONTENT_TYPE_AUDIO", "CONTENT_TYPE_VIDEO"], "a film and as a sound"),
        (("text",), ["CONTENT_TYPE_TEXT"], "a text"),
        (("md5", "sha256"), ["CONTENT_TYPE_OTHER"], "a file, byte for byte"),
        (("url",), ["CONTENT_TYPE_OTHER"], "a web address"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, tuple) else None,
)
def test_a_statement_says_how_the_content_was_known(kinds, types, words):
    made = statement(blocked(kinds), Transparency(**OURS))
    assert (made["content_type"], lint(made), wrong(made)) == (types, [], {})
    assert f"as {words}." in made["decision_facts"]


def test_a_law_an_own_word_and_an_own_type_are_said():
    settings = Transparency(
        **OURS | {"ground": Ground.LAW},
        facts="Known to us.",
        content_type="CONTENT_TYPE_IMAGE",
        reference_url="https://provider.example/terms",
        source_type="SOURCE_VOLUNTARY",
    )
    made = statement(blocked(ended_at=NOON.timestamp() + 90_000), settings)
    assert (lint(made), wrong(made)) == ([], {})
    assert made["illegal_content_legal_ground"] == OURS["reference"]
    assert made["content_type"] == ["CONTENT_TYPE_IMAGE"]
    assert made["decision_facts"] == "Known to us."
    assert made["end_date_visibility_restriction"] == "2026-11-26"


def test_numbers_are_chance_and_stay(tmp_path):
    with Store(tmp_path) as store:
        with store.write() as tx:
            for ref in ("a", "b"):
                restrictions.begin(tx, ref=ref, kinds={"md5"}, now=NOON)
        first = restrictions.read_all(tmp_path, since=None)
        assert restrictions.read_all(tmp_path, since=None) == first
        assert len({one.puid for one in first}) == 2
        assert all(len(one.puid) == 32 for one in first)


def test_what_is_owed_outlives_the_ids_of_its_content(tmp_path):
    with Store(tmp_path) as store:
        with store.write() as tx:
            restrictions.begin(tx, ref="post-1", kinds={"md5"}, now=NOON)
            later = NOON + timedelta(days=31)
            restrictions.forget(tx, before=later - timedelta(days=30), keep_owed=True)
        assert store.read("SELECT ref, state FROM restrictions") == [("", "owed")]
        with store.write() as tx:
            restrictions.forget(tx, before=later, keep_owed=False)
        assert store.read("SELECT * FROM restrictions") == []


def test_what_the_database_refuses_stays_and_without_one_nothing_does(tmp_path):
    with Store(tmp_path) as store:
        with store.write() as tx:
            for ref in ("a", "b", "c"):
                restrictions.begin(tx, ref=ref, kinds={"md5"}, now=NOON)
        rows = restrictions.Restrictions(store)
        refused, sending, posted = (one.puid for one in restrictions.read_all(tmp_path, since=None))
        rows.refuse({refused: [Remark("category", "is invalid")]})
        rows.take({posted: "u"})
        rows.begin([sending, posted])
        with store.write() as tx:
            restrictions.forget(tx, before=NOON + timedelta(days=1), keep_owed=True)
        assert {(one.puid, one.state) for one in restrictions.read_all(tmp_path, since=None)} == {
            (refused, "refused"),
            (sending, "sending"),
        }
        with store.write() as tx:
            restrictions.forget(tx, before=NOON + timedelta(days=1), keep_owed=False)
        assert restrictions.read_all(tmp_path, since=None) == []


def test_a_file_of_an_older_agent_gains_its_table(tmp_path):
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / "agent.db") as older:
        older.execute("DROP TABLE restrictions")
    older.close()
    with Store(tmp_path) as store, store.write() as tx:
        restrictions.begin(tx, ref="post-1", kinds={"md5"}, now=NOON)
    assert len(restrictions.read_all(tmp_path, since=None)) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('ground = "terms"\n', ""), "transparency.ground: is missing"),
        (('"terms"', '"both"'), "transparency.ground: must be one of terms, law"),
        (('["NL", "BE"]', '["US"]'), "transparency.territorial_scope: must be one of AT"),
        (("allowed here.", "allowed: ask a@example.org"), "transparency.explanation: holds a mail"),
        (("section 4", "x" * 501), "transparency.reference: has 515 characters"),
        (
            ("[transparency]", '[transparency]\naddress = "http://db.example"'),
            "must begin with https",
        ),
        (("[transparency]", '[transparency]\naddress = "https://db.example"'), "token: is missing"),
        (("[transparency]", '[transparency]\ntoken = "a b"'), "must hold the token alone"),
        (("[transparency]", "[transparency]\nadress = 1"), "did you mean address?"),
    ],
    ids=["missing", "ground", "scope", "person", "long", "plain", "token", "words", "typo"],
)
def test_a_setting_that_no_statement_could_carry_stops_the_start(tmp_path, change, says):
    start = 'name = "a"\nhub_url = "https://hub.example"\nkey = "k"\ndata_dir = "d"\n'
    (tmp_path / "agent.toml").write_text(start + TOML.replace(*change))
    with pytest.raises(ConfigError, match=says.replace("?", r"\?")):
        load(tmp_path / "agent.toml", env={})
