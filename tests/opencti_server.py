# SPDX-License-Identifier: Apache-2.0
"""An OpenCTI-shaped server of one live stream on this machine.

It keeps the rules of OpenCTI's stream that matter to those who read it: with `recover` it sends the
objects that changed until then (from and until both inclusive), then its events after that time,
which it keeps up to a number; what an object refers to comes before it under the same id; a
heartbeat has the time of its clock once everything was sent.
"""

import json
import time
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

STREAM, TOKEN = "7c6d1a0e-41f6-4c8e-9d52-6f1b7f0c2b11", "opencti-token"
EXTENSION = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba"
_IDENTITY = {"type": "identity", "id": "identity--5f0c9c3c-44d0-5c5b-9b2e-0d3f0b1c2a33"}


class OpenCtiServer(ThreadingHTTPServer):
    """objects: by id, with the time of their change. events: (id, name, data). asked: queries.

    clock: its time in seconds. play: a wrong answer of a test, called with the handler.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Door)
        self.objects, self.events, self.asked = {}, [], []
        self.clock, self.play, self.is_over = time.time, None, Event()
        self.pause_s = 0.02

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    @contextmanager
    def running(self):
        thread = Thread(target=self.serve_forever, daemon=True)
        thread.start()
        yield self
        self.is_over.set()
        self.shutdown()
        self.server_close()
        thread.join()

    @property
    def now_ms(self):
        return int(self.clock() * 1000)

    def next_id(self):
        """The id of the next event: those of one millisecond are numbered."""
        last = self.events[-1][0].split("-") if self.events else ("0", "0")
        return f"{self.now_ms}-{int(last[1]) + 1 if int(last[0]) == self.now_ms else 0}"

    def put(self, *objects):
        """Create or update objects."""
        for stix in objects:
            name = "update" if stix["id"] in self.objects else "create"
            self.objects[stix["id"]] = (self.now_ms, stix)
            self.say(name, stix)

    def delete(self, stix):
        del self.objects[stix["id"]]
        self.say("delete", stix)

    def merge(self, target, *sources):
        for source in sources:
            del self.objects[source["id"]]
        self.objects[target["id"]] = (self.now_ms, target)
        for source in sources:
            self._move_references(source["id"], target["id"])
        self.say("merge", target, context={"sources": list(sources)})

    def _move_references(self, source, target):
        """Let opinions and sightings refer to the remaining object: no event says so."""
        for name, (changed, stix) in self.objects.items():
            moved = {key: target for key in ("sighting_of_ref",) if stix.get(key) == source}
            if source in stix.get("object_refs", ()):
                refs = [target if ref == source else ref for ref in stix["object_refs"]]
                moved["object_refs"] = refs
            self.objects[name] = (changed, stix | moved)

    def say(self, name, stix, **more):
        """Add an event."""
        plain = {"version": "4", "type": name, "scope": "external", "message": "", "origin": {}}
        self.events.append((self.next_id(), name, plain | {"data": stix} | more))


def example():
    """An OpenCTI with two indicators, a third whose marking we could not keep, and feedback."""
    server = OpenCtiServer()
    for number in range(3):
        stix = {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--00000000-0000-4000-8000-{number:012}",
            "created": "2026-11-24T12:00:00.000Z",
            "modified": "2026-11-24T12:00:00.000Z",
            "pattern": f"[file:hashes.MD5 = '{number + 0xABC:032x}']",
            "pattern_type": "stix",
            "valid_from": "2026-11-24T12:00:00.000Z",
        }
        if number == 2:
            stix["object_marking_refs"] = [f"marking-definition--{_IDENTITY['id'][10:]}"]
        server.put(stix)
    of = "indicator--00000000-0000-4000-8000-000000000000"
    for kind, facts in (
        ("opinion", {"opinion": "disagree", "object_refs": [of]}),
        ("sighting", {"count": 3, "sighting_of_ref": of, "where_sighted_refs": [_IDENTITY["id"]]}),
    ):
        head = {"type": kind, "spec_version": "2.1", "id": f"{kind}{of[9:]}"}
        times = {"created": "2026-11-24T12:00:00.000Z", "modified": "2026-11-24T12:00:00.000Z"}
        server.put({**head, **times, **facts})
    return server


class _Door(BaseHTTPRequestHandler):
    def do_GET(self):
        parts = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append(query)
        if self.server.play is not None:
            self.server.play(self)
        elif parts.path != f"/stream/{STREAM}" or (
            self.headers.get("Authorization") != f"Bearer {TOKEN}"
        ):
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.begin()
            try:
                self._stream(query)
            except OSError:  # the reader has left
                return

    def begin(self):
        """Send the head of a stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()

    def send(self, name, data, at=""):
        head = f"id: {at}\n" if at else ""
        self.wfile.write(f"{head}event: {name}\ndata: {json.dumps(data)}\n\n".encode())

    def connected(self):
        """Send the first event."""
        events = self.server.events
        names = {"firstEventId": events[0][0], "lastEventId": events[-1][0]} if events else {}
        self.send("connected", {**names, "connectionId": "c1"})

    def _stream(self, query):
        assert query["listen-delete"] == query["no-dependencies"] == "true"
        at = _place(query["from"])
        self.connected()
        if "recover" in query:
            until = int(datetime.fromisoformat(query["recover"]).timestamp() * 1000)
            for changed, stix in sorted(self.server.objects.values(), key=lambda row: row[0]):
                if at[0] <= changed <= until:
                    for one in (_IDENTITY, stix):
                        self.send("create", {"version": "4", "data": one}, at=f"{changed}-0")
            at = max(at, (until, 0))
        while not self.server.is_over.is_set():
            for name, kind, data in list(self.server.events):
                if _place(name) > at:
                    self.send("create", {"version": "4", "data": _IDENTITY}, at=name)
                    self.send(kind, data, at=name)
                    at = _place(name)
            clock = max(at, (self.server.now_ms, 0))
            self.send("heartbeat", "a time", at=f"{clock[0]}-{clock[1]}")
            self.server.is_over.wait(self.server.pause_s)

    def log_message(self, *_):
        pass


def _place(text):
    return tuple(int(part) for part in text.split("-"))
