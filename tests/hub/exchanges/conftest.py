# SPDX-License-Identifier: Apache-2.0
"""A partner with a party of its own here, its server on this machine, and short ways to pull."""

import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from stemtide.hub.rooms.exchanges.models import Exchange, Record
from stemtide.hub.rooms.exchanges.reads import exchanges as reads
from stemtide.hub.rooms.exchanges.rules import turns
from stemtide.hub.rooms.exchanges.runner import ExchangeRunner
from stemtide.hub.rooms.exchanges.writes import exchanges as writes, pulls as writes_pulling
from stemtide.hub.rooms.signals.models import Signal
from stemtide.interop.exchanges import Pull, SourceRecord, Terms
from stemtide.protocol.enums import Direction, ExchangeKind
from tests.exchange_servers import GROUP
from tests.opencti_server import STREAM, OpenCtiServer
from tests.rounds import rounds
from tests.world import NOON, add_member, hex_value

PATHS = {
    "taxii": "/root/collections/c1/",
    "stopncii": "/v1",
    "misp-feed": "/feed",
    "misp": "",
    "threatexchange": f"/v26.0/{GROUP}",
    "tcap": "/",
    "tx-file": "",
    "opencti": f"/stream/{STREAM}",
}


class Partner(ThreadingHTTPServer):
    """An honest small server that answers what a test put there.

    answers: called with (method, path, headers, body), gives (status, headers, body).
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Page)
        self.asked = []
        self.answers = lambda *_: (404, {}, {})

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Page(BaseHTTPRequestHandler):
    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        sent = self.rfile.read(length)
        self.server.asked.append((self.command, self.path, self.headers, sent))
        status, headers, body = self.server.answers(self.command, self.path, self.headers, sent)
        if callable(body):
            body(self)
            return
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self._serve()

    def do_POST(self):
        self._serve()

    def log_message(self, *_):
        pass


@pytest.fixture
def partner():
    made = Partner()
    thread = Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


class Desk:
    """Exchanges of a world: add one, pull from it, see what became of it."""

    def __init__(self, world):
        self.world = world
        self.now = NOON
        self.party = add_member("partner-hub", title="Partner hub", kind="authority")

    def add(self, kind="taxii", *, address="", party=None, terms=None, **more):
        name = more.pop("name", "partner")
        address = (address or "https://partner.example") + more.pop("path", PATHS[kind])
        if "direction" in more:
            more["direction"] = Direction(more["direction"])
        asked = writes.NewExchange(name=name, kind=ExchangeKind(kind), address=address, **more)
        return writes.add(
            asked,
            terms=Terms.model_validate(terms or {}),
            party=party or self.party,
            actor="operator",
            now=self.now,
        )

    @property
    def row(self):
        return Exchange.objects.get(name="partner")

    def later(self, **more):
        self.now += timedelta(**more)
        return self.now

    def run(self, name="partner", *, loopback=True):
        """Run it once; what became of records."""
        runner = ExchangeRunner(loopback=loopback, now=lambda: self.now, jitter=lambda: 0.5)
        (run,) = writes.claim_due(self.now, limit=1, name=name)
        counts = runner.run(run)
        runner.close()
        return counts

    def take(self, *told, faults=(), checkpoint=None, **more):
        """Take a page without a server."""
        (run,) = writes.claim_due(self.now, limit=1, name="partner")
        pull = Pull(list(told), list(faults), checkpoint or {}, **more)
        return writes_pulling.import_page(run, pull, now=self.now)

    def log(self):
        return [one.words for one in reads.lines("partner")]

    def live(self, party=None):
        """Values of the partner's live signals."""
        rows = Signal.objects.filter(shared_by=party or self.party, state="live")
        return sorted(rows.values_list("value", flat=True))

    def signal(self, number=1):
        return Signal.objects.get(shared_by=self.party, value=hex_value(number), state="live")

    def records(self):
        return list(Record.objects.order_by("pk"))


def told(number=1, *, version="1", key=None, said_at=NOON, **more):
    """A record as an adapter maps it."""
    facts = more.pop("facts", {"kind": "sha256", "value": hex_value(number)})
    key = key or f"record-{number}"
    return SourceRecord(key, version, said_at=said_at, facts=facts, **more)


def gone(number=1, *, version="2", **more):
    return told(number, version=version, facts=None, **more)


@pytest.fixture
def at_once(monkeypatch):
    """How many signals end in one transaction: fewer than in use, as each takes its time."""
    few = rounds(20, nightly=turns.ENDS_AT_ONCE)
    monkeypatch.setattr(turns, "ENDS_AT_ONCE", few)
    return few


@pytest.fixture
def desk(world):
    return Desk(world)


@pytest.fixture
def committed_desk(committed_world):
    return Desk(committed_world)


@pytest.fixture
def opencti(desk):
    """An OpenCTI with the clock of the desk."""
    made = OpenCtiServer()
    made.clock = lambda: desk.now.timestamp()  # noqa: PLW0108  # the time goes on
    with made.running():
        yield made
