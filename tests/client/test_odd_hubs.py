# SPDX-License-Identifier: Apache-2.0
"""The client at something that is no good hub, or a newer one."""

import asyncio
import inspect
import json
from contextlib import aclosing
from uuid import uuid4

import pytest
from starlette.responses import RedirectResponse, Response

from stemtide.client import (
    AnswerError,
    AsyncHub,
    DeclinedError,
    File,
    Hub,
    Limits,
    NotFoundError,
    RefusedError,
    TooManyError,
    UnreachableError,
)
from stemtide.client.lines import (
    MAX_EVENT_BYTES,
    EndlessLineError,
    EventParser,
    EventReader,
    LineSplitter,
    ServerEvent,
)
from stemtide.protocol.messages.crises import WarningIn
from tests.client.conftest import broken_off, problem_answer
from tests.rounds import rounds

ME = {"party": "big-video", "kind": "provider", "key": "st_x", "scopes": ["feed:read"]}
STREAM = "text/event-stream"
LINES = "application/x-ndjson"
HEAD = json.dumps({"hub": str(uuid4()), "position": 7}).encode() + b"\n"


def ask(odd, question, *, later, seen=None, **limits):
    """What one question gives: of a plain client, or of one with an event loop.

    seen: takes what came line by line, also where it breaks off.
    """
    seen = [] if seen is None else seen
    if not later:
        with Hub(odd.url, key="st_x", limits=Limits(**limits)) as hub:
            found = question(hub)
            if not inspect.isgenerator(found):
                return found
            seen.extend(found)
            return seen

    async def ask_later():
        async with AsyncHub(odd.url, key="st_x", limits=Limits(**limits)) as hub:
            found = question(hub)
            if asyncio.iscoroutine(found):
                return await found
            async with aclosing(found) as each:
                async for one in each:
                    seen.append(one)
            return seen

    return asyncio.run(ask_later())


CLIENTS = [pytest.param(False, id="plain"), pytest.param(True, id="later")]
both = pytest.mark.parametrize("later", CLIENTS)
one_waits = pytest.mark.parametrize("later", rounds(CLIENTS[1:], nightly=CLIENTS))


@both
def test_fields_of_a_newer_hub_are_passed_over_at_every_depth(odd, later):
    page = {"hub": str(uuid4()), "next": 1, "head": 1, "more": False, "newer": {"a": 1}}
    gone = {"op": "drop", "position": 1, "id": str(uuid4()), "state": "withdrawn", "newer": 2}
    odd.says("/feed", json.dumps(page | {"entries": [gone]}))
    found = ask(odd, lambda hub: hub.read_feed(), later=later)
    assert found.entries[0].position == 1
    assert not hasattr(found, "newer")


@both
def test_what_is_answered_with_nothing_gives_none_and_nothing_else_may_be_empty(odd, later):
    uid = uuid4()
    odd.says(f"/webhooks/{uid}", Response(status_code=204))
    assert ask(odd, lambda hub: hub.remove_webhook(uid=uid), later=later) is None
    with pytest.raises(AnswerError):
        ask(odd, lambda hub: hub.read_webhook(uid=uid), later=later)


def test_what_we_send_is_only_what_was_set(odd):
    odd.says("/crises", problem_answer(422, "no"))
    warning = WarningIn(
        name="Attack", happened_at="2026-11-24T12:00:00Z", countries=("BE",), framework="eucp-2023"
    )
    with Hub(odd.url, key="st_x") as hub, pytest.raises(DeclinedError):
        hub.warn_of_crisis(warning)
    assert set(json.loads(odd.asked[0][3])) == {"name", "happened_at", "countries", "framework"}
    assert odd.asked[0][2]["authorization"] == "Bearer st_x"


def test_what_is_not_said_is_left_to_the_hub(odd):
    odd.says("/whoami", json.dumps(ME))
    odd.says("/orders", "[]")
    with Hub(odd.url, key="st_x") as hub:
        hub.list_orders(open=True, limit=None)
        hub.list_orders()
    assert [one[1].partition("?")[2] for one in odd.asked] == ["open=1", ""]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem_answer(400, "why"), DeclinedError),
        (problem_answer(401, "why"), RefusedError),
        (problem_answer(403, "why"), RefusedError),
        (problem_answer(404, "why"), NotFoundError),
        (problem_answer(405, "why"), AnswerError),
        (problem_answer(409, "why"), DeclinedError),
        (problem_answer(413, "why"), DeclinedError),
        (problem_answer(422, "why"), DeclinedError),
        (problem_answer(429, "why"), TooManyError),
        (problem_answer(500, "why"), UnreachableError),
        (problem_answer(503, "why"), UnreachableError),
        (Response("<html>why", 502, media_type="text/html"), UnreachableError),
        (Response("<html>why", 404, media_type="text/html"), AnswerError),
        (Response("why", 418), AnswerError),
        (Response("[[[why", 422, media_type="application/problem+json"), DeclinedError),
        (RedirectResponse("http://127.0.0.1:9/why"), AnswerError),
        (Response("why", media_type="text/html"), AnswerError),
        (Response("[1]", media_type="application/json"), AnswerError),
    ],
    ids=lambda one: f"{one.status_code}-{one.media_type}" if isinstance(one, Response) else None,
)
@both
def test_each_answer_is_an_error_that_says_what_to_do(odd, answer, error, later):
    odd.says("/whoami", answer)
    with pytest.raises(error) as caught:
        ask(odd, lambda hub: hub.whoami(), later=later)
    assert type(caught.value) is error
    assert odd.url in str(caught.value)
    is_problem = answer.media_type == "application/problem+json" and b"[[[" not in answer.body
    assert (caught.value.problem is not None) is is_problem
    assert len(odd.asked) == 1


@both
def test_an_answer_that_is_too_large_is_cut_off(odd, later):
    odd.says("/whoami", Response(b" " * 5000, media_type="application/json"))
    with pytest.raises(AnswerError, match="more than 4096 bytes"):
        ask(odd, lambda hub: hub.whoami(), later=later, answer_bytes=4096)
    odd.says("/whoami", Response(b" " * 5000, 500))
    with pytest.raises(AnswerError, match="more than 4096 bytes"):
        ask(odd, lambda hub: hub.whoami(), later=later, answer_bytes=4096)


@both
def test_a_signed_snapshot_of_any_size_comes_part_by_part(odd, later):
    odd.says("/snapshots/latest", Response(b"x" * 5000, media_type="application/gzip"))
    parts = ask(odd, lambda hub: hub.read_latest_snapshot(), later=later, answer_bytes=4096)
    assert b"".join(parts) == b"x" * 5000


@both
def test_an_answer_that_breaks_off_is_no_answer(odd, later):
    odd.says("/whoami", broken_off(json.dumps(ME).encode(), media_type="application/json"))
    with pytest.raises(UnreachableError, match="broke off"):
        ask(odd, lambda hub: hub.whoami(), later=later)


@both
def test_a_snapshot_that_breaks_off_is_not_taken_for_a_whole_one(odd, later):
    odd.says("/snapshot", broken_off(HEAD, media_type=LINES))
    with pytest.raises(UnreachableError, match="broke off"):
        ask(odd, lambda hub: hub.read_snapshot(), later=later)
    odd.says("/snapshot", Response(HEAD, media_type=LINES))
    with pytest.raises(AnswerError, match="it has no SnapshotTail"):
        ask(odd, lambda hub: hub.read_snapshot(), later=later)
    odd.says("/snapshot", Response(b"", media_type=LINES))
    with pytest.raises(AnswerError, match="it has no SnapshotTail"):
        ask(odd, lambda hub: hub.read_snapshot(), later=later)


@both
def test_a_line_that_cannot_be_read_is_an_error_after_those_before_it(odd, later):
    odd.says("/snapshot", Response(HEAD + b"nonsense\n", media_type=LINES))
    with pytest.raises(AnswerError, match="unreadable"):
        ask(odd, lambda hub: hub.read_snapshot(), later=later)


@both
def test_a_stream_gives_what_came_before_it_broke_off(odd, later):
    seen = []
    said = (
        b'event: wake\r\ndata: {"position": 4, "newer": 1}\r\n\r\nevent: other\ndata: x\n\n: a\n\n'
    )
    odd.says("/events/stream", broken_off(said, said, media_type=STREAM))
    with pytest.raises(UnreachableError, match="broke off"):
        ask(odd, lambda hub: hub.follow_events(), later=later, seen=seen)
    assert [one.position for one in seen] == [4, 4]


@both
def test_a_stream_that_ends_ends(odd, later):
    odd.says(
        "/events/stream", Response('event: wake\ndata: {"position": 4}\n\n', media_type=STREAM)
    )
    assert [one.position for one in ask(odd, lambda hub: hub.follow_events(), later=later)] == [4]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response("{}", media_type="application/json"), "no stream of events"),
        (Response("event: wake\ndata: {}\n\n", media_type=STREAM), "unreadable"),
        (
            Response(b"data: " + b"x" * (MAX_EVENT_BYTES + 1), media_type=STREAM),
            "an event of more than",
        ),
        (
            Response(b"data: xxxxxxxxxxxxxxx\n" * (MAX_EVENT_BYTES // 20), media_type=STREAM),
            "an event of more than",
        ),
    ],
    ids=["json", "unreadable", "endless-line", "endless-event"],
)
@both
def test_a_stream_that_is_none_is_an_error(odd, answer, said, later):
    odd.says("/events/stream", answer)
    with pytest.raises(AnswerError, match=said):
        ask(odd, lambda hub: hub.follow_events(), later=later)


@one_waits
def test_a_pause_that_the_hub_asks_for_is_kept_and_the_question_asked_again(odd, later):
    odd.says("/whoami", problem_answer(429, "slower", Retry_After="1"), json.dumps(ME))
    told = []
    me = ask(odd, lambda hub: hub.whoami(), later=later, on_wait=told.append)
    assert me.party == "big-video"
    assert len(odd.asked) == 2
    assert told == [1]


@pytest.mark.parametrize("said", ["31", "99999999999", "soon", "-1", "²", "1.5", ""])
@both
def test_a_longer_pause_than_the_patience_is_an_error_at_once(odd, said, later):
    headers = {"Retry_After": said} if said != "²" else {}
    odd.says("/whoami", problem_answer(429, "slower", **headers))
    with pytest.raises(TooManyError, match="slower"):
        ask(odd, lambda hub: hub.whoami(), later=later)
    assert len(odd.asked) == 1


@pytest.mark.nightly
@one_waits
def test_all_pauses_together_are_bounded(odd, later):
    odd.says("/whoami", problem_answer(429, "slower", Retry_After="1"))
    with pytest.raises(TooManyError):
        ask(odd, lambda hub: hub.whoami(), later=later, patience_s=2.5)
    assert len(odd.asked) == 3


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ('attachment; filename="a report.pdf"', "a report.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\x.pdf"', "x.pdf"),
        ('attachment; filename=".."', ""),
        ("attachment", ""),
    ],
)
@both
def test_the_name_of_a_file_names_no_folder(odd, said, name, later):
    paper = Response(b"%PDF", media_type="application/pdf", headers={"Content-Disposition": said})
    odd.says("/reports/x/pdf", paper)

    found = ask(odd, lambda hub: hub.print_report(uid="x"), later=later)
    assert found == File(b"%PDF", "application/pdf", name)


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_cutter_gives_the_lines_whatever_the_parts(size):
    text = b"one\ntwo\n\nthree" * 50
    cutter, found = LineSplitter(piece_bytes=size), []
    for start in range(0, len(text), 5):
        found += cutter.take(text[start : start + 5])
    assert found + cutter.end() == text.split(b"\n")


def test_a_line_without_an_end_is_not_held():
    cutter = LineSplitter(max_line_bytes=10, piece_bytes=0)
    assert cutter.take(b"x" * 10) == []
    with pytest.raises(EndlessLineError):
        cutter.take(b"x")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_events_are_cut_whatever_the_parts(end):
    lines = [
        b": ping",
        b"",
        b"event: wake",
        b"id: 3",
        b"data: a",
        b"data:b",
        b"",
        b"data: other",
        b"",
    ]
    text = end.join([*lines, b""])
    cutter, found = EventParser("wake"), []
    for one in text:
        found += cutter.take(bytes([one]))
    assert found == ["a\nb"]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_that_is_too_large_is_cut_off_alone(size):
    text = (
        b"id: 1\ndata: " + b"\r" * 60 + b"\r\n\r\n: ping\n\nid: 2\ndata: b\n\nid: 3\n" + b"x" * 60
    )
    reader, found = EventReader(50), []
    for start in range(0, len(text), size):
        found += reader.take(text[start : start + size])
    assert found == [ServerEvent("", "1", "", is_too_large=True), ServerEvent("", "2", "b")]
    assert reader.too_large == ServerEvent("", "3", "", is_too_large=True)


@both
def test_an_export_that_breaks_off_is_an_error_after_what_came(odd, later):
    seen = []
    odd.says("/signals/export", broken_off(b"kind,value\n", media_type="text/csv"))
    with pytest.raises(UnreachableError, match="broke off"):
        ask(odd, lambda hub: hub.export_signals(), later=later, seen=seen)
    assert seen == [b"kind,value\n"]
