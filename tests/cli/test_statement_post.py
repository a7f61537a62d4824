# SPDX-License-Identifier: Apache-2.0
"""stemtide statement post, against a database of our own that enforces the documented rules."""

import json
import signal
import subprocess
from uuid import UUID

import pytest

from tests.cli.conftest import COMMAND
from tests.protocol.test_dsa import SOUND
from tests.rounds import rounds
from tests.transparency_database import Fault, TransparencyDatabase


@pytest.fixture
def database():
    database = TransparencyDatabase().start()
    yield database
    database.stop()


@pytest.fixture
def post(stemtide, database, tmp_path):
    """Post rows as the command does; return what it said."""
    (tmp_path / "token").write_text("secret\n")

    def run(rows, *more, to=None):
        path = tmp_path / "statements.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        words = ["--to", to or database.url, "--token-file", tmp_path / "token", "--json", *more]
        return stemtide("statement", "post", path, *words)

    return run


def statements(count, *, first=0):
    return [SOUND | {"puid": f"p{number}"} for number in range(first, first + count)]


def states(told):
    return [row["state"] for row in told.rows]


def test_statements_are_posted_by_the_hundred_with_their_ids(post, database):
    told = post(statements(205))
    assert told.code == 0, told.err
    assert database.posts == [100, 100, 5]
    assert {row["puid"]: row["uuid"] for row in told.rows} == {
        puid: row["uuid"] for puid, row in database.held.items()
    }
    assert "205 statements posted, 0 were there, 0 refused, 0 left" in told.err


def test_a_repeat_posts_nothing_twice_and_asks_nothing(post, database):
    post(statements(3))
    told = post(statements(4))
    assert (told.code, states(told)) == (0, ["there"] * 3 + ["posted"])
    assert database.posts == [3, 1]
    assert database.asked == []


def test_a_line_cut_after_the_database_took_it_is_no_second_statement(post, database):
    database.faults.append(Fault(0, after=True))
    count = rounds(10, nightly=100)
    told = post(statements(count))
    assert (told.code, set(states(told))) == (0, {"posted"})
    assert database.posts == [count]
    assert len(database.asked) == count
    assert all(UUID(row["uuid"]) for row in told.rows)


@pytest.mark.nightly
def test_a_server_error_before_or_after_it_was_taken_is_tried_again(post, database):
    database.faults.extend([Fault(500), Fault(503, after=True)])
    told = post(statements(2))
    assert (told.code, len(database.held)) == (0, 2)
    assert database.posts == [2, 2]


@pytest.mark.nightly
def test_too_many_calls_are_waited_for_as_told(post, database):
    database.faults.append(Fault(429, headers={"Retry-After": "1"}))
    assert post(statements(2)).code == 0
    assert database.asked == []  # what was not let in was not taken


def test_one_bad_statement_among_a_hundred_does_not_sink_the_others(post, database):
    rows = statements(100)
    rows[41]["category"] = "STATEMENT_CATEGORY_SELF_HARM"  # a word of ours that is none of theirs
    told = post(rows)
    assert told.code == 1
    assert len(database.held) == 99
    (bad,) = [row for row in told.rows if row["state"] == "refused"]
    assert (bad["row"], bad["field"], bad["message"]) == (
        42,
        "category",
        "The category is invalid.",
    )


def test_a_corrected_statement_goes_with_the_next_run(post, database):
    bad = SOUND | {"puid": "p0", "category": "STATEMENT_CATEGORY_SELF_HARM"}
    assert post([bad]).code == 1
    assert post(statements(1)).code == 0
    assert list(database.held) == ["p0"]


def test_a_refusal_that_names_nothing_is_narrowed_down(post, database):
    words = json.dumps({"message": "Something is wrong."}).encode()
    database.faults.extend([Fault(422, body=words), Fault(422, body=words), Fault(422, body=words)])
    told = post(statements(4))
    assert states(told) == ["refused", "posted", "posted", "posted"]
    assert told.rows[0]["message"] == "Something is wrong."
    assert database.posts == [4, 2, 1, 1, 2]


@pytest.mark.nightly
@pytest.mark.parametrize(("status", "asked"), [(0, ["p2", "p3"]), (429, [])], ids=["cut", "later"])
def test_a_half_that_fails_begins_the_other_one_not_again(post, database, status, asked):
    words = json.dumps({"message": "Something is wrong."}).encode()
    database.faults.extend([Fault(422, body=words), None, Fault(status), Fault(status)])
    told = post(statements(4), "--tries", "2")
    assert states(told) == ["posted", "posted", "left", "left"]
    assert (database.posts, database.asked) == ([4, 2, 2, 2], asked)
    assert all(UUID(row["uuid"]) for row in told.rows[:2])


def test_what_another_program_posted_under_a_number_counts_as_there(post, database):
    database.post(statements(1))
    told = post(statements(2))
    assert (told.code, states(told)) == (0, ["posted", "posted"])
    assert len(database.held) == 2


@pytest.mark.nightly
def test_a_number_that_the_index_does_not_find_yet_is_not_posted_twice(post, database):
    database.is_blind = True
    database.faults.append(Fault(0, after=True))
    told = post(statements(2))
    assert (told.code, len(database.held), database.posts) == (0, 2, [2, 2])
    assert [row["uuid"] for row in told.rows] == ["", ""]


@pytest.mark.nightly
def test_a_killed_command_is_taken_up_where_it_stood(post, database, tmp_path):
    rows = statements(250)
    (tmp_path / "token").write_text("secret")
    path = tmp_path / "statements.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    database.faults.extend([Fault(503, headers={"Retry-After": "600"}, after=True)])
    words = ["statement", "post", path, "--to", database.url, "--token-file", tmp_path / "token"]
    started = subprocess.Popen([COMMAND, *words], stderr=subprocess.DEVNULL)
    while not database.held:
        assert started.poll() is None
    started.send_signal(signal.SIGKILL)
    started.wait()
    told = post(rows)
    assert (told.code, len(database.held)) == (0, 250)
    assert database.posts == [100, 100, 50]


def test_a_wrong_token_ends_it_at_once(post, database):
    database.token = "another"
    told = post(statements(1))
    assert (told.code, states(told)) == (1, ["left"])
    assert "does not take the token (401)" in told.err
    assert "secret" not in told.out + told.err


@pytest.mark.nightly
def test_it_gives_up_after_some_tries_and_says_what_is_left(post, database):
    database.faults.extend([Fault(502), Fault(502)])
    told = post(statements(2), "--tries", "2")
    assert (told.code, states(told)) == (1, ["left", "left"])
    assert "answered 502. Run the command again" in told.err


def test_the_token_does_not_follow_a_redirect(post, database):
    other = TransparencyDatabase().start()
    database.faults.append(Fault(307, headers={"Location": f"{other.url}/api/v1/statements"}))
    told = post(statements(1))
    other.stop()
    assert (told.code, other.calls) == (1, [])
    assert "answered 307" in told.err


def test_a_dry_run_sends_nothing_and_a_lint_comes_first(post, database, tmp_path):
    rows = [*statements(2), SOUND | {"puid": "p9", "decision_facts": "Posted by a@example.org."}]
    told = post(rows, "--dry-run")
    assert told.code == 1
    assert "2 statements would be sent to" in told.err
    assert database.calls == []
    assert {one.name for one in tmp_path.iterdir()} == {"token", "statements.jsonl"}
    assert post(rows).code == 1
    assert "0 statements would be sent" in post(rows, "--dry-run").err
    assert sorted(database.held) == ["p0", "p1"]


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("http://transparency.example", "must begin with https://"),
        ("transparency.example", "must be an address"),
        ("https://user:word@transparency.example", "must be an address"),
    ],
    ids=["plain", "bare", "words"],
)
def test_a_token_is_not_sent_just_anywhere(post, to, why):
    told = post(statements(1), to=to)
    assert told.code == 2
    assert why in told.err


def test_a_journal_belongs_to_one_address(post):
    post(statements(1))
    told = post(statements(1), to="http://127.0.0.1:9")
    assert told.code == 1
    assert "is the journal of" in told.err


def test_a_token_file_that_holds_more_than_a_token_is_refused_without_repeating_it(post, tmp_path):
    (tmp_path / "token").write_text("one\ntwo")
    told = post(statements(1))
    assert told.code == 2
    assert "hold the token alone" in told.err
    assert "one" not in told.err.replace("alone", "").replace("one line", "")
