# SPDX-License-Identifier: Apache-2.0
"""What pages cost a hub with a long history: one process, the database on this machine.

    python -m benchmarks.history [--signals 200000] [--crisis 30000] [--entries 100000]
        [--rounds 3] [--postgres URL]

Fills a hub with signals of five parties in several states, one crisis with many variants,
sightings of one signal in ten, and ledger entries. Then each round shares one signal of the crisis
and asks for each page once. Prints the CPU of this process and of the database, the median of the
rounds; "first" is the round in which this process had nothing in memory.
"""

import argparse
import asyncio
import os
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

AT_ONCE = 50_000
HELD_KINDS = (("pdq", 0.8), ("sha256", 0.1), ("md5", 0.05), ("url", 0.05))
STATES = ("live",) * 90 + ("expired",) * 6 + ("withdrawn",) * 4
PARTIES = ("authority", "authority", "agency", "provider", "provider")
HANDLINGS = ("clear", "green", "amber", "amber", "amber")
TICKS = os.sysconf("SC_CLK_TCK")


class Cpu:
    """CPU seconds of this process and of a database server on this machine."""

    def __init__(self, backend: int | None) -> None:
        self._server = int(_stat(backend)[1]) if backend else None

    def now(self) -> float:
        """Return the seconds so far."""
        return time.process_time() + self._database()

    def _database(self) -> float:
        if self._server is None:
            return 0.0
        mother = _stat(self._server)
        ticks = sum(map(int, mother[11:15]))  # its own, and of children that have ended
        for path in Path("/proc").glob("[0-9]*"):
            try:
                fields = _stat(int(path.name))
            except OSError:
                continue
            if int(fields[1]) == self._server:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def fill(signals: int, *, crisis: int, entries: int) -> None:
    """Fill the database."""
    from django.db import connection

    from stemtide.hub.rooms.crises.writes import crises, moves as crisis_moves
    from stemtide.hub.rooms.ledger.models import Entry, Numbering, Placement
    from stemtide.hub.rooms.parties.reads.parties import Actor
    from stemtide.hub.rooms.parties.writes import parties
    from stemtide.hub.rooms.signals.models import Sighting, Signal
    from stemtide.protocol.messages.crises import CheckIn, MeasureIn, ProposalIn, WarningIn

    now = datetime.now(UTC)
    made = [
        parties.add_party(
            f"{kind}-{number}",
            title=f"{kind} {number}",
            kind=kind,
            country="BE" if kind == "authority" else "",
            actor="benchmark",
            now=now,
        )
        for number, kind in enumerate(PARTIES)
    ]
    one, agency = (Actor(party=made[at], ref=f"key:{at}") for at in (0, 2))
    body = WarningIn(name="Attack", happened_at=now - timedelta(hours=3), countries=("BE", "FR"))
    room = crises.warn(body, by=one, now=now)
    for check in room.checks:
        crises.answer(room.id, test=check.test, body=CheckIn(answer="yes"), by=one, now=now)
    measure = MeasureIn(country="BE", measure="referrals", insufficient="hosts abroad")
    crises.consider(room.id, body=measure, by=one, now=now)
    told = crisis_moves.propose(
        room.id, body=ProposalIn(act="activate", reason="it spreads"), by=one, now=now
    )
    crisis_moves.confirm(room.id, told.proposals[-1].id, by=agency, now=now)
    parties.add_person(
        "person@party.example",
        party=made[0],
        role="duty_officer",
        password="tide and stem 4711",
        actor="benchmark",
        now=now,
    )

    crisis_pk = room_pk(room.id)
    at = Numbering.objects.get().positions
    chance = random.Random(5)  # noqa: S311  # the same signals each time
    for first in range(0, signals, AT_ONCE):
        count = min(AT_ONCE, signals - first)
        rows = [
            signal(
                first + place,
                crisis=crisis_pk if first + place < crisis else None,
                at=at,
                parties=[party.pk for party in made],
                now=now,
                chance=chance,
            )
            for place in range(count)
        ]
        insert(rows)
        print(f"{first + count:,} signals", file=sys.stderr, flush=True)
    pks = list(Signal.objects.order_by("pk").values_list("pk", flat=True)[:signals:10])
    for first in range(0, len(pks), AT_ONCE):
        Sighting.objects.bulk_create(
            [
                Sighting(
                    signal_id=pk,
                    party=made[3 + pk // 10 % 2],
                    outcome="blocked",
                    count=3,
                    first_at=now - timedelta(hours=2),
                    last_at=now,
                )
                for pk in pks[first : first + AT_ONCE]
            ],
            batch_size=1000,
        )
    entry_number = Numbering.objects.get().entries
    Entry.objects.bulk_create(
        (
            Entry(
                number=entry_number + number,
                kind="signals.shared",
                actor=made[number % 2].ref,
                subject=made[number % 2].ref,
                detail={"first": at + number, "last": at + number, "count": 1},
                recorded_at=now,
            )
            for number in range(1, entries + 1)
        ),
        batch_size=1000,
    )
    Placement.objects.create(first=at + 1, count=signals, at=now, mark=1)
    Numbering.objects.update(entries=entry_number + entries, positions=at + signals)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def known_facts() -> dict[str, object]:
    """Return the crisis, the hash of a signal, a person and a key of the sharing party."""
    from stemtide.hub.rooms.crises.models import Crisis
    from stemtide.hub.rooms.parties.models import Party, Person
    from stemtide.hub.rooms.parties.writes import parties
    from stemtide.hub.rooms.signals.models import Signal
    from stemtide.protocol.enums import Scope

    by, now = Party.objects.get(name="authority-0"), datetime.now(UTC)
    _, key = parties.new_key(
        secrets.token_hex(4), party=by, scopes=list(Scope), actor="benchmark", now=now
    )
    half = Signal.objects.order_by("-pk").values_list("pk", flat=True)[0] // 2
    known = Signal.objects.filter(kind="pdq", state="live", pk__gte=half).order_by("pk")[0]
    crisis, person = Crisis.objects.get().uid, Person.objects.get(party=by)
    return {"crisis": crisis, "hash": known.value, "person": person, "key": key, "by": by}


def insert(rows: list[dict[str, object]]) -> None:
    """Store signals by plain SQL: a model instance for each would take most of the time."""
    from django.db import connection, transaction

    from stemtide.hub.rooms.signals.models import Signal

    columns = {
        field.attname: partial(field.get_db_prep_save, connection=connection)
        for field in Signal._meta.local_concrete_fields  # noqa: SLF001  # Django documents it as public
        if field.attname in rows[0]
    }
    marks = ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO signals_signal ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # our own names
    prepared = [[prepare(row[name]) for name, prepare in columns.items()] for row in rows]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(statement, prepared)


def room_pk(uid: UUID) -> int:
    """Return the primary key of a crisis."""
    from stemtide.hub.rooms.crises.models import Crisis

    return int(Crisis.objects.get(uid=uid).pk)


_ROOTS = random.Random(7)  # noqa: S311  # the same pictures each time
ROOTS = [_ROOTS.getrandbits(256) for _ in range(400)]


def signal(
    number: int,
    *,
    crisis: int | None,
    at: int,
    parties: list[int],
    now: datetime,
    chance: random.Random,
) -> dict[str, object]:
    """Return the columns of one signal; those of the crisis are variants of some pictures."""
    kinds, weights = zip(*HELD_KINDS, strict=True)
    kind = "pdq" if crisis else chance.choices(kinds, weights)[0]
    value = chance.getrandbits(256)
    if crisis:
        value = chance.choice(ROOTS)
        for bit in chance.sample(range(256), 10):
            value ^= 1 << bit
    state = chance.choice(STATES)
    sharer = chance.randrange(4)
    shared_at = now - timedelta(seconds=chance.randrange(3 * 3600))
    return {
        "uid": UUID(int=chance.getrandbits(128), version=4),
        "position": at + number + 1,
        "stamp_s": int(now.timestamp()) - 100_000 + number // 20,
        "state": state,
        "kind": kind,
        "value": f"{value:064x}"[: 32 if kind == "md5" else 64],
        "withdraw_reason": "",
        "withdraw_note": "",
        "exercise": False,
        "url": f"host{number % 999}.example/{number}" if kind == "url" else "",
        "quality": 90 if kind == "pdq" else None,
        "labels": ["perpetrator-content"],
        "severity": "high",
        "provenance": "perpetrator",
        "confidence": 80,
        "tlp": chance.choice(HANDLINGS),
        "pap": "amber",
        "audience": "|authority-0|agency-2|" if number % 50 == 0 else "",
        "is_disputed": state == "live" and number % 200 == 0,
        "crisis_id": crisis,
        "shared_by_id": parties[sharer],
        "shared_at": shared_at,
        "withdrawn_at": now if state == "withdrawn" else None,
    }


class Pages:
    """Asks for pages as one person and one machine of an authority."""

    def __init__(self, facts: dict, *, cpu: Cpu) -> None:
        from django.test import Client

        self._facts, self._cpu = facts, cpu
        self._person = Client()
        self._person.force_login(
            facts["person"], backend="django.contrib.auth.backends.ModelBackend"
        )
        self._machine = Client(headers={"Authorization": f"Bearer {facts['key']}"})
        self.seconds: dict[str, list[float]] = {}

    def round(self) -> None:
        """Share one signal and ask for each page once."""
        crisis, value = self._facts["crisis"], self._facts["hash"]
        get, call = self._person.get, self._machine.get
        self._timed("share", self._share)
        self._timed("board after a share", partial(get, "/"))
        self._timed("/metrics", partial(call, "/metrics"))
        self._timed("search for a hash, typing", partial(get, f"/search/_results?q={value}"))
        self._timed("search by a prefix", partial(get, f"/search?q={value[:12]}"))
        self._timed("search for a hash and near ones", partial(get, f"/search?q={value}"))
        self._timed("MISP manifest.json", partial(call, "/misp/feed/manifest.json"))
        began = self._cpu.now()
        parts = self._parts(call("/misp/feed/hashes.csv"))
        next(parts)
        self._note("MISP hashes.csv, first bytes", self._cpu.now() - began)
        for _ in parts:
            pass
        self._note("MISP hashes.csv, whole", self._cpu.now() - began)
        self._timed("room after a share", partial(get, f"/crises/{crisis}"))
        self._timed("list of clusters", partial(get, f"/crises/{crisis}/content"))
        self._timed("share, a second", self._share)
        self._timed("blocks of the room after it", partial(get, f"/crises/{crisis}/_blocks"))

    def _parts(self, answer) -> Iterator[bytes]:
        """Yield the parts of a response, which may be a stream."""
        if not answer.streaming:
            yield answer.content
            return
        parts, loop = aiter(answer.streaming_content), asyncio.new_event_loop()

        async def following() -> bytes:
            return await anext(parts, b"")

        while part := loop.run_until_complete(following()):
            yield part
        loop.close()

    def _timed(self, what: str, ask: Callable) -> None:
        began = self._cpu.now()
        answer = ask()
        self._note(what, self._cpu.now() - began)
        if answer is not None and answer.status_code != 200:
            raise SystemExit(f"{what}: {answer.status_code}")

    def _note(self, what: str, seconds: float) -> None:
        self.seconds.setdefault(what, []).append(seconds)

    def _share(self) -> None:
        from stemtide.hub.rooms.signals.writes import signals as writes
        from stemtide.protocol.messages.signals import SignalIn

        body = SignalIn(
            kind="pdq",
            value=secrets.token_hex(32),
            quality=90,
            labels=("perpetrator-content",),
            severity="high",
            crisis=self._facts["crisis"],
        )
        writes.share(body, by=self._facts["by"], now=datetime.now(UTC), actor_ref=f"key:{uuid4()}")


def main() -> None:
    """Fill, measure, print."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--signals", type=int, default=200_000)
    asked.add_argument("--crisis", type=int, default=30_000)
    asked.add_argument("--entries", type=int, default=100_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--postgres", default="", help="a database of this benchmark's own")
    asked.add_argument("--folder", default="", help="keeps the SQLite hub; one there is used again")
    options = asked.parse_args()
    if options.postgres:
        os.environ["STEMTIDE_DATABASE_URL"] = options.postgres
    with tempfile.TemporaryDirectory(prefix="stemtide-bench-") as folder:
        os.environ["STEMTIDE_DATA_DIR"] = options.folder or folder
        os.environ["STEMTIDE_ALLOWED_HOSTS"] = "testserver"
        os.environ["STEMTIDE_SECOND_FACTOR"] = "offered"  # nobody signs in
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Fill the hub unless it is filled, ask for each page, and print what they cost."""
    from stemtide.hub import boot

    boot.start()
    boot.migrate()
    from django.db import connection

    from stemtide.hub.rooms.signals.models import Signal

    began = time.perf_counter()
    if not Signal.objects.exists():
        fill(options.signals, crisis=options.crisis, entries=options.entries)
    facts = known_facts()
    print(f"{connection.vendor}: {Signal.objects.count():,} signals, made in ", end="")
    print(f"{time.perf_counter() - began:.0f} s; {options.crisis:,} in one crisis", flush=True)
    cpu = Cpu(connection.connection.info.backend_pid if options.postgres else None)
    pages = Pages(facts, cpu=cpu)
    for _ in range(options.rounds + 1):
        pages.round()
    print(f"{'seconds of CPU':40} {'first':>8} {'then':>8}")
    for what, each in pages.seconds.items():
        print(f"{what:40} {each[0]:8.3f} {statistics.median(each[1:]):8.3f}", flush=True)


if __name__ == "__main__":
    main()
