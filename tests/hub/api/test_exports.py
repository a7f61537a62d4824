# SPDX-License-Identifier: Apache-2.0
"""Signals leave as files: what the reader may see, with every mark, and back in as they were."""

import csv
import io
import json
import warnings
from uuid import uuid4

import pytest

from stemtide.hub.rooms.signals.reads import export as reads_export
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.protocol.files.columns import COLUMNS
from stemtide.protocol.messages.signals import WithdrawIn
from tests.prints import long_value
from tests.rounds import at_night, some_of
from tests.world import hex_value

EXPORT = "/api/v1/signals/export"
BULK = "/api/v1/signals/bulk"
CSV = {"content_type": "text/csv; charset=utf-8"}


def body(answer):
    assert answer.status_code == 200, answer.content
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Django reads what is asynchronous to its end at once
        return b"".join(answer).decode()


def rows(machine, party, query=""):
    text = body(machine(party)("GET", f"{EXPORT}?{query}"))
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def shared(world):
    world.share(value=hex_value(1), labels=("perpetrator-content", "incitement"))
    film = long_value("video").hex()
    world.share(kind="video", value=film, quality=None, content=uuid4())
    url = "https://Video.example/a?x=1"
    world.share(kind="url", value=url, quality=None, entity="=1+1;-2")
    folder = {"kind": "url", "value": "https://a.example/b/c", "reach": "folder"}
    world.share_looked_at(**folder, quality=None)
    world.share(
        *(world.agency,),
        value=hex_value(2),
        tlp="red",
        audience=("be-crisis-centre",),
        within_bits=9,
    )


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("form", some_of(1, ["csv", "jsonl"]))
def test_what_is_exported_and_imported_elsewhere_is_the_same(machine, world, form):
    told = rows(machine, world.authority)
    sent = body(machine(world.authority)("GET", f"{EXPORT}?format={form}")).encode()
    if form == "jsonl":
        keep = ("disputed", "id", "position", "shared_at", "shared_by", "state", "url")
        ended = ("withdrawn_at", "withdraw_reason")
        each = [
            {k: v for k, v in one.items() if k not in {*keep, *ended}}
            | {"value": one["url"] or one["value"]}
            for one in told
        ]
        sent = "\n".join(map(json.dumps, each)).encode()
        more = {"content_type": "application/x-ndjson"}
    else:
        more = CSV
    answer = machine(world.other_authority)("POST", BULK, sent, **more)
    assert answer.status_code == 201, answer.content
    assert (answer.json()["created"], answer.json()["waiting"]) == (4, 1)
    world.approve_all()
    again = [
        one
        for one in rows(machine, world.other_authority)
        if one["shared_by"] == "fr-referral-unit"
    ]
    facts = [name for name in COLUMNS if name not in {"id", "position", "shared_by", "shared_at"}]
    by_value = {one["value"]: [one[name] for name in facts] for one in again}
    assert by_value == {one["value"]: [one[name] for name in facts] for one in told}


@pytest.mark.usefixtures("shared")
def test_a_table_has_every_mark_and_no_cell_that_a_spreadsheet_runs(machine, world):
    text = body(machine(world.authority)("GET", f"{EXPORT}?format=csv"))
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(found[0]) == COLUMNS
    assert found[0]["labels"] == "incitement|perpetrator-content"
    assert found[2]["url"] == "video.example/a?x=1"
    assert found[2]["entity"] == "'=1+1;'-2"
    assert (found[4]["tlp"], found[4]["audience"]) == ("red", "be-crisis-centre")


@pytest.mark.usefixtures("shared")
def test_a_party_exports_what_it_may_see_and_no_more(machine, world):
    assert len(rows(machine, world.authority)) == 5
    assert len(rows(machine, world.other_authority)) == 4
    assert rows(machine, world.observer) == []


def test_the_head_says_how_far_and_after_goes_on_there(machine, world):
    world.share(value=hex_value(1))
    answer = machine(world.authority)("GET", EXPORT)
    position = int(answer.headers["Stemtide-Position"])
    assert answer.headers["Stemtide-Hub"]
    world.share(value=hex_value(2))
    later = rows(machine, world.authority, f"after={position}")
    assert [one["value"] for one in later] == [hex_value(2)]


def test_since_is_a_time_of_the_feed(machine, world):
    from tests.world import signal_in

    world.share(value=hex_value(1))
    writes.share(signal_in(value=hex_value(2)), by=world.authority, now=world.at(minutes=5))
    later = rows(machine, world.authority, "since=2026-11-24T12:01:00Z")
    assert [one["value"] for one in later] == [hex_value(2)]


@at_night
def test_what_ended_is_told_only_when_asked_and_as_ended(machine, world):
    film = world.share(kind="video", value=long_value("video").hex(), quality=None)
    hash_ = world.share(value=hex_value(1))
    for one in (film, hash_):
        writes.withdraw(
            one.id, body=WithdrawIn(reason="mistake"), by=world.authority, now=world.noon
        )
    assert rows(machine, world.authority) == []
    told = rows(machine, world.authority, "withdrawn=1")
    assert [(one["state"], one["withdraw_reason"]) for one in told] == [
        ("withdrawn", "mistake")
    ] * 2
    assert [one["value"] for one in told] == [None, hex_value(1)]
    text = body(machine(world.authority)("GET", f"{EXPORT}?format=csv&withdrawn=1"))
    back = machine(world.other_authority)("POST", f"{BULK}?partial=1", text.encode(), **CSV).json()
    assert (back["created"], [one["field"] for one in back["errors"]]) == (0, ["state", "state"])


@at_night
def test_exercises_and_kinds_are_chosen(machine, world):
    world.share(value=hex_value(1), exercise=True)
    world.share(value=hex_value(2))
    world.share(kind="md5", value="0" * 31 + "1", quality=None)
    assert len(rows(machine, world.authority)) == 2
    assert len(rows(machine, world.authority, "exercise=1")) == 3
    assert len(rows(machine, world.authority, "kind=md5")) == 1
    assert len(rows(machine, world.authority, "kind=md5&kind=pdq")) == 2


def test_a_crisis_that_a_party_may_not_see_is_not_there(machine, world):
    crisis = world.activate().id
    world.share(value=hex_value(1), crisis=crisis)
    world.share(value=hex_value(2))
    assert [one["crisis"] for one in rows(machine, world.authority, f"crisis={crisis}")] == [
        str(crisis)
    ]
    assert machine(world.authority)("GET", f"{EXPORT}?crisis={uuid4()}").status_code == 404
    assert {one["crisis"] for one in rows(machine, world.small_provider)} <= {None, str(crisis)}


@at_night
@pytest.mark.usefixtures("shared")
def test_more_than_one_chunk_comes_whole(machine, world, monkeypatch):
    monkeypatch.setattr(reads_export, "_CHUNK", 2)
    assert len(rows(machine, world.authority)) == 5


def test_a_format_or_a_time_that_is_none_is_named(machine, world):
    for query in ("format=parquet", "since=yesterday", "after=-1", "kind=tlsh"):
        answer = machine(world.authority)("GET", f"{EXPORT}?{query}")
        assert answer.status_code == 422
        assert query.split("=")[0] in answer.json()["errors"][0]["field"]


def test_an_export_needs_the_scope_of_readers(machine, world):
    assert machine(world.authority, scopes=["signals:write"])("GET", EXPORT).status_code == 403
    assert machine(None)("GET", EXPORT).status_code == 401


# In


def test_a_table_is_a_bulk_too(machine, world):
    text = f"kind;value;labels;severity\npdq;{hex_value(1)};incitement|livestream;high\n"
    answer = machine(world.authority)("POST", BULK, text.encode("utf-8-sig"), **CSV)
    assert answer.json()["created"] == 1
    assert rows(machine, world.authority)[0]["labels"] == ["incitement", "livestream"]


def test_bad_rows_of_a_table_are_named_by_their_place(machine, world):
    good = f"pdq,{hex_value(1)},incitement,high"
    text = f"kind,value,labels,severity\n{good}\npdq,zz,incitement,high\npdq,1\n"
    answer = machine(world.authority)("POST", BULK, text.encode(), **CSV)
    assert answer.status_code == 422
    assert [one["row"] for one in answer.json()["errors"]] == [1, 2]
    assert (
        machine(world.authority)("POST", f"{BULK}?partial=1", text.encode(), **CSV).json()[
            "created"
        ]
        == 1
    )


def test_a_table_of_refused_content_is_routed(machine, world):
    text = f"kind,value,labels,severity\npdq,{hex_value(1)},csam,high\n"
    answer = machine(world.authority)("POST", BULK, text.encode(), **CSV)
    assert answer.json()["type"] == "/problems/refused-and-routed"


@pytest.mark.parametrize(
    ("text", "status", "says"),
    some_of(
        2,
        [
            (b"\n", 400, "names of the columns"),
            (b"colour\nred\n", 400, "no column 'colour'"),
            (b"kind\n\xff\xff\n", 400, "UTF-8"),
            (b"kind\n", 422, "at least one"),
            (b"kind\n" + b"x\n" * 20_001, 413, "20000"),
            (b'kind\n"', 400, "quote"),
            (b"kind,value\n" + b",\n" * 200_000, 413, "empty lines"),
        ],
    ),
    ids=some_of(2, ["empty", "column", "latin", "none", "many", "quote", "empties"]),
)
def test_a_table_that_is_none_says_what_to_do(machine, world, text, status, says):
    answer = machine(world.authority)("POST", BULK, text, **CSV)
    assert answer.status_code == status, answer.content
    assert says in answer.json()["detail"]


@at_night
def test_a_dry_run_answers_row_by_row_and_shares_nothing(machine, world):
    text = f"kind,value,labels,severity\npdq,{hex_value(1)},incitement,high\npdq,zz,csam,high\n"
    answer = machine(world.authority)("POST", f"{BULK}?dry_run=1", text.encode(), **CSV)
    out = answer.json()
    assert answer.status_code == 200
    assert [one["would_be"] for one in out["rows"]] == ["created", "refused"]
    assert "hotline" in out["rows"][1]["message"]
    assert set(world.ledger_kinds()) == {"key.issued"}
    assert rows(machine, world.authority) == []
    other = machine(world.observer)("POST", f"{BULK}?dry_run=1", text.encode(), **CSV)
    assert other.status_code == 403
    reader = machine(world.authority, scopes=["feed:read"])
    assert reader("POST", f"{BULK}?dry_run=1", text.encode(), **CSV).status_code == 403


def test_a_dry_run_names_others_signals_only_to_keys_that_may_read_them(machine, world):
    text = f"kind,value,labels,severity\npdq,{hex_value(1)},incitement,high\n".encode()
    machine(world.agency)("POST", BULK, text, **CSV)
    told = [
        machine(world.authority, scopes=scopes)("POST", f"{BULK}?dry_run=1", text, **CSV).json()
        for scopes in (["signals:write"], ["signals:write", "feed:read"])
    ]
    assert [len(one["rows"][0]["others"]) for one in told] == [0, 1]
