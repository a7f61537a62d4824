# SPDX-License-Identifier: Apache-2.0
"""Handling marks hold at every door: party kind x TLP x audience x door, written out by hand."""

import asyncio
import json
import re
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client

from stemtide.hub.desk import board
from stemtide.hub.notifier import Subscription
from stemtide.hub.rooms.signals.reads import export as reads_export, signals as reads
from stemtide.hub.rooms.signals.reads.export import ExportFilter
from stemtide.hub.rooms.signals.writes import signals as writes
from stemtide.interop.stix.objects import indicator_id
from stemtide.protocol.files.signal_rows import json_rows
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.messages.signals import OpinionIn, WithdrawIn
from tests.rounds import rounds, some_of
from tests.world import NOON, hex_value, outcome, report_of

# The sharer is be-crisis-centre. A column each for: the sharer, another authority, the agency, a
# provider, a provider that is named in "forum", the consortium, an observer that is named in
# "watch". x sees, . does not.
TABLE = """
    mark           named    sharer  authority  agency  provider  forum  consortium  observer
    red            forum    x       .          .       .         x      .           .
    red            watch    x       .          .       .         .      .           x
    red            both     x       .          .       .         x      .           x
    amber+strict   nobody   x       x          x       x         x      x           .
    amber+strict   forum    x       .          .       .         x      .           .
    amber+strict   watch    x       .          .       .         .      .           x
    amber          nobody   x       x          x       x         x      x           .
    amber          forum    x       .          .       .         x      .           .
    amber          watch    x       .          .       .         .      .           x
    green          nobody   x       x          x       x         x      x           x
    green          forum    x       .          .       .         x      .           .
    green          watch    x       .          .       .         .      .           x
    clear          nobody   x       x          x       x         x      x           x
    clear          forum    x       .          .       .         x      .           .
    clear          watch    x       .          .       .         .      .           x
"""
PARTIES = {
    "sharer": "be-crisis-centre",
    "authority": "fr-referral-unit",
    "agency": "eu-referral-unit",
    "provider": "big-video",
    "forum": "small-forum",
    "consortium": "tech-forum",
    "observer": "rights-watch",
}
NAMED = {
    "nobody": (),
    "forum": ("small-forum",),
    "watch": ("rights-watch",),
    "both": ("small-forum", "rights-watch"),
}
HEAD, *EVERY_ROW = [line.split() for line in TABLE.split("\n") if line.strip()]
COLUMNS = HEAD[2:]
ROWS = rounds(
    [row for row in EVERY_ROW if row[1] == {"red": "both", "green": "forum"}.get(row[0], "nobody")],
    nightly=EVERY_ROW,
)
"""The rows of this run: `make test` takes one of each mark, and `make nightly` all of them."""


class Asker:
    """One party at every door. party: its row; marks: marks by id of signal."""

    def __init__(self, party, *, world, machine, marks):
        self.party = party
        self.marks = marks
        self._world = world
        self._call = machine(party)

    def api(self, method, path, body=None):
        return self._call(method, f"/api/v1/{path}", body)

    def desk(self):
        client = Client()
        person = self._world.person(self.party)
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return client

    def answered(self, ask):
        """The marks of signals that a door does not deny."""
        return {mark for uid, mark in self.marks.items() if ask(uid) != 404}

    def named_in(self, text):
        """The marks of signals that a text names by id or value."""
        return {
            mark
            for number, (uid, mark) in enumerate(self.marks.items())
            if str(uid) in text or hex_value(number) in text
        }


def entries_seen(asker, lines):
    return {asker.marks[UUID(one["id"])] for one in lines}


def feed(asker):
    page = asker.api("GET", "feed?limit=1000&exercise=1").json()
    return entries_seen(asker, page["entries"])


def feed_one_by_one(asker):
    found, after, more = [], 0, True
    while more:
        page = asker.api("GET", f"feed?limit=1&after={after}").json()
        found += page["entries"]
        after, more = page["next"], page["more"]
    return entries_seen(asker, found)


def snapshot(asker):
    _, *lines, tail = b"".join(reads.snapshot(viewer=asker.party, exercise=True)).splitlines()
    assert json.loads(tail) == {"signals": len(lines)}
    return entries_seen(asker, map(json.loads, lines))


def export(asker):
    found = reads_export.export(ExportFilter(exercise=True, ended=True), viewer=asker.party)
    return entries_seen(asker, map(json.loads, b"".join(map(json_rows, found.parts)).splitlines()))


def one_signal(asker):
    return asker.answered(lambda uid: asker.api("GET", f"signals/{uid}").status_code)


def opinion(asker):
    body = {"opinion": "seen"}
    return asker.answered(lambda uid: asker.api("PUT", f"signals/{uid}/opinion", body).status_code)


def withdrawal(asker):
    body = {"reason": "mistake"}
    path = "signals/{}/withdraw"
    return asker.answered(lambda uid: asker.api("POST", path.format(uid), body).status_code)


def stream(asker):
    """Whom the stream wakes, by the rule that it applies to each change."""
    changes = reads.changes(0)
    by_position = {reads.find(uid, viewer=asker.sharer).position: uid for uid in asker.marks}

    async def woken():
        one = Subscription(asker.party, after=0, exercise=True, all_changes=False)
        return [change.position for change in changes if one.concerns(change)]

    return {asker.marks[by_position[position]] for position in asyncio.run(woken())}


def desk_board(asker):
    return named_on_pages(asker, "/")


def desk_blocks(asker):
    return named_on_pages(asker, "/board/_blocks")


def named_on_pages(asker, path):
    """The marks of signals on the board, which shows some of them on each page."""
    client, pages = asker.desk(), []
    while not pages or f"page={len(pages) + 1}" in pages[-1]:
        pages.append(client.get(path, {"page": len(pages) + 1}).content.decode())
    return asker.named_in("".join(pages))


def desk_page(asker):
    client = asker.desk()
    return asker.answered(lambda uid: client.get(f"/signals/{uid}").status_code)


def desk_opinion(asker):
    client, path = asker.desk(), "do/confirm"
    return asker.answered(lambda uid: client.post(f"/signals/{uid}/{path}", {}).status_code)


def desk_withdrawal(asker):
    client, form = asker.desk(), {"withdraw-reason": "mistake"}
    return asker.answered(lambda uid: client.post(f"/signals/{uid}/withdraw", form).status_code)


def taxii(asker, path):
    headers = {"Accept": "application/taxii+json"}
    return asker._call("GET", f"/taxii2/hub/collections/signals/{path}", headers=headers)


def taxii_objects(asker):
    return asker.named_in(taxii(asker, "objects/").content.decode())


def taxii_one_by_one(asker):
    found, next_ = "", ""
    while True:
        page = taxii(asker, f"objects/?limit=1&match[type]=indicator{next_}")
        found += page.content.decode()
        if not page.json()["more"]:
            return asker.named_in(found)
        next_ = f"&next={page.json()['next']}"


def taxii_manifest(asker):
    told = taxii(asker, "manifest/?match[type]=indicator").json().get("objects", [])
    ours = {indicator_id(uid): mark for uid, mark in asker.marks.items()}
    return {ours[one["id"]] for one in told}


def taxii_one_object(asker):
    path = "objects/{}/"
    return asker.answered(lambda uid: taxii(asker, path.format(indicator_id(uid))).status_code)


def taxii_versions(asker):
    path = "objects/{}/versions/"
    return asker.answered(lambda uid: taxii(asker, path.format(indicator_id(uid))).status_code)


READING = [
    feed, snapshot, export, one_signal, stream, desk_board, taxii_objects, taxii_one_object,
    feed_one_by_one, desk_blocks, desk_page, taxii_one_by_one, taxii_manifest, taxii_versions,
]  # fmt: skip
WRITING = [opinion, desk_withdrawal, withdrawal, desk_opinion]
"""Doors that change what the next party would see."""


@pytest.fixture
def ask(world, machine):
    """A function: the asker for a party of the table. One signal of each row is shared."""
    board.totals_at.cache_clear()
    marks = {}
    for number, (tlp, named, *_) in enumerate(ROWS):
        shared = world.share(value=hex_value(number), tlp=tlp, audience=NAMED[named])
        marks[shared.id] = (tlp, named)
    parties = {party.name: party for party in world.everyone}

    def make(who):
        asker = Asker(parties[PARTIES[who]], world=world, machine=machine, marks=marks)
        asker.sharer = world.authority
        return asker

    return make


def allowed(who):
    at = 2 + COLUMNS.index(who)
    return {(row[0], row[1]) for row in ROWS if row[at] == "x"}


def test_the_table_has_every_mark_and_every_party():
    assert {row[0] for row in ROWS} == set(Tlp)
    assert all(len(row) == len(HEAD) for row in ROWS)
    assert set(COLUMNS) == set(PARTIES)


@pytest.mark.parametrize(
    "door", rounds(READING[:8], nightly=READING), ids=lambda door: door.__name__
)
def test_a_door_shows_what_the_table_says_and_nothing_else(ask, door):
    for who in COLUMNS:  # on one hub: what is kept for one party is not shown to the next
        assert door(ask(who)) == allowed(who), who


@pytest.mark.parametrize(
    "door", rounds(WRITING[:2], nightly=WRITING), ids=lambda door: door.__name__
)
def test_a_door_that_writes_knows_what_the_table_says_and_nothing_else(ask, door):
    for who in COLUMNS:
        point = transaction.savepoint()  # for the next party it is as if nobody had written
        assert door(ask(who)) == allowed(who), who
        transaction.savepoint_rollback(point)


@pytest.mark.parametrize("who", some_of(2, [one for one in COLUMNS if one != "observer"]))
def test_a_dry_run_names_what_the_table_says_and_nothing_else(ask, who):
    asker = ask(who)
    plain = {"kind": "pdq", "quality": 90, "labels": ["incitement"], "severity": "low"}
    each = [plain | {"value": hex_value(number)} for number in range(len(ROWS))]
    said = asker.api("POST", "signals/bulk?dry_run=1", {"signals": each}).text
    named = {uid for uid in asker.marks if str(uid) in said}
    assert {asker.marks[uid] for uid in named} == (set() if who == "sharer" else allowed(who))


def test_totals_count_what_the_table_says(ask):
    for who in COLUMNS:
        asker = ask(who)
        assert metrics(asker) == len(allowed(who)), who
        assert reads.totals(viewer=asker.party)["signals_live"] == len(allowed(who)), who


def metrics(asker):
    """Live signals by the hub's metrics page."""
    text = asker._call("GET", "/metrics").content.decode()
    return int(float(re.search(r'^stemtide_signals\{state="live"\} (\S+)', text, re.MULTILINE)[1]))


@pytest.mark.parametrize("who", ["provider", "forum"])
def test_outcomes_count_for_what_the_table_says(ask, who):
    asker = ask(who)
    report = report_of(*(outcome(uid) for uid in asker.marks))
    told = writes.report_outcomes(report, by=asker.party, now=NOON)
    denied = {asker.marks[one.signal] for one in told.rejected}
    assert denied == set(asker.marks.values()) - allowed(who)
    assert told.counted == len(allowed(who))


def test_sightings_are_of_what_the_table_says(ask):
    reporter = ask("forum")
    seen_by_reporter = allowed("forum")
    report = report_of(*(outcome(uid, count=1) for uid in reporter.marks))
    writes.report_outcomes(report, by=reporter.party, now=NOON)
    for who in COLUMNS:
        told = max((row.blocked for row in reads.sightings(viewer=ask(who).party)), default=0)
        assert told == len(allowed(who) & seen_by_reporter), who


def test_no_word_of_a_withdrawal_or_an_opinion_reaches_who_saw_no_signal(ask):
    sharer = ask("sharer")
    for uid in sharer.marks:
        dispute = OpinionIn(opinion="dispute", note="a secret note")
        writes.give_opinion(uid, body=dispute, by=sharer.party, now=NOON)
        body = WithdrawIn(reason="mistake", note="another")
        writes.withdraw(uid, body=body, by=sharer.party, now=NOON)
    for who in COLUMNS:
        asker = ask(who)
        page = asker.api("GET", "feed?limit=1000").json()
        assert entries_seen(asker, page["entries"]) == allowed(who), who
        assert {entry["op"] for entry in page["entries"]} <= {"drop"}, who


def test_pap_travels_to_every_door_that_acts(world, machine):
    for number, pap in enumerate(Pap):
        world.share(value=hex_value(number), pap=pap)
    feed_page = machine(world.big_provider)("GET", "/api/v1/feed").json()
    _, *lines, _ = b"".join(reads.snapshot(viewer=world.big_provider)).splitlines()
    assert [one["pap"] for one in feed_page["entries"]] == ["red", "amber", "green", "clear"]
    assert [json.loads(one)["pap"] for one in lines] == ["red", "amber", "green", "clear"]
