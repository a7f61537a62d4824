# SPDX-License-Identifier: Apache-2.0
"""Honest small servers in the shapes that the package threatexchange expects.

Their answers have the fields of the examples in Meta's reference of threat_updates, in the tests of
the package (NCMEC's XML, the hash list of Tech Against Terrorism), and no others.
"""

import base64
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.sax.saxutils import escape

from tests import opencti_server

APP, SECRET = 12345678901, "0123456789abcdefghij_-XYZ"
TOKEN = f"{APP}|{SECRET}"
GROUP = 1012185296055235


@dataclass
class Request:
    """A request. query: the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: bytes


class Server(ThreadingHTTPServer):
    """A server on this machine; `play` gives a request its (status, body)."""

    daemon_threads = True

    def __init__(self, play):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.play, self.requests = play, []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def _serve(self):
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        request = Request(self.command, parts.path, query, self.headers, body)
        self.server.requests.append(request)
        status, answer = self.server.play(request)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # names of http.server

    def log_message(self, *_):
        pass


@contextmanager
def serving(play):
    """Run a server for a block."""
    server = Server(play)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def descriptor(owner=1, *, number=1, status="MALICIOUS", tags=(), **more):
    """An opinion of a member on an indicator."""
    plain = {
        "id": str(number),
        "owner": {"id": str(owner)},
        "status": status,
        "share_level": "GREEN",
        "privacy_type": "VISIBLE",
    }
    if tags:
        plain["tags"] = {"data": [{"id": str(at), "text": text} for at, text in enumerate(tags)]}
    return plain | more


@dataclass
class Graph:
    """The Graph API of one privacy group: updates by time, and what is posted."""

    updates: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    page: int = 100
    posted: dict[str, dict[str, str]] = field(default_factory=dict)
    reactions: list[tuple[str, str, str]] = field(default_factory=list)
    refuses: frozenset[str] = frozenset()
    next_id: int = 900

    def put(self, indicator, *, at, kind="HASH_PDQ", descriptors=None, **more):
        """Add or change an indicator; it moves to the end of the updates."""
        self.updates.pop((kind, indicator), None)
        found = [descriptor()] if descriptors is None else descriptors
        self.updates[kind, indicator] = {
            "id": str(len(self.updates) + 1),
            "indicator": indicator,
            "type": kind,
            "last_updated": at,
            "should_delete": False,
            "descriptors": {"data": found},
        } | more

    def delete(self, indicator, *, at, kind="HASH_PDQ"):
        """Delete an indicator."""
        self.put(indicator, at=at, kind=kind, should_delete=True)
        self.updates[kind, indicator].pop("descriptors")

    def show_posted(self, *, at, **more):
        """Show descriptors that were posted among the updates, as members of the group see them.

        more: fields of each, such as the reactions of others.
        """
        for number, fields in self.posted.items():
            tags = fields["tags"].split(",")
            ours = descriptor(APP, number=int(number), tags=tags, **more)
            self.put(fields["indicator"], at=at, kind=fields["type"], descriptors=[ours])

    def __call__(self, request):
        """Return the answer to a request."""
        if request.query.get("access_token") != TOKEN:
            return 400, {"error": {"message": "Invalid OAuth access token", "code": 190}}
        if request.method == "GET" and request.path == f"/v26.0/{GROUP}/threat_updates/":
            return 200, self._updates(request)
        if request.method == "POST" and request.path == "/v26.0/threat_descriptors/":
            return self._post(request.query)
        if request.method == "DELETE":
            return 200, {"success": self.posted.pop(request.path.split("/")[2], None) is not None}
        if request.method == "POST":
            number = request.path.split("/")[2]
            for name in ("reactions", "reactions_to_remove"):
                if name in request.query:
                    self.reactions.append((number, name, request.query[name]))
            return 200, {"success": True}
        return 404, {"error": {"message": "Unknown path", "code": 2500}}

    def _updates(self, request):
        query = request.query
        assert "share_level" in query["fields"]
        since, start = int(query.get("start_time", 0)), int(query.get("after", 0))
        size = min(int(query["limit"]), self.page)
        rows = [row for row in self.updates.values() if int(row["last_updated"]) >= since]
        paging = {"cursors": {"before": "x", "after": str(start + size)}}
        if start + size < len(rows):
            onward = urlencode(query | {"after": start + size})
            host = f"http://{request.headers['Host']}"
            paging["next"] = f"{host}{request.path}?{onward}"
        return {"data": rows[start : start + size], "paging": paging}

    def _post(self, query):
        if query["indicator"] in self.refuses:
            return 400, {"error": {"message": "Invalid parameter", "code": 100}}
        self.next_id += 1
        self.posted[str(self.next_id)] = query
        return 200, {"success": True, "id": str(self.next_id)}


@dataclass
class HashList:
    """The hash list of Tech Against Terrorism: signing in, and pages after a checkpoint."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    page: int = 100
    sign_ins: int = 0

    def put(self, digest, *, at, algorithm="PDQ", ideology="islamist", deleted=False, **more):
        """Add an entry, or a change of one, to the end of the list."""
        plain = {
            "hash_digest": digest,
            "algorithm": algorithm,
            "ideology": ideology,
            "file_type": "mp4",
            "deleted": deleted,
            "updated_on": at + 0.25,
            "created_on": "2025-03-03 23:05:22,587",
            "id": len(self.entries) + 1,
        }
        self.entries.append(plain | more)

    def __call__(self, request):
        """Return the answer to a request."""
        if request.path == "/token-auth/tcap/":
            form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
            if (form["username"], form["password"]) != ("us", "open-sesame"):
                return 400, {"non_field_errors": ["Unable to log in with provided credentials."]}
            self.sign_ins += 1
            return 200, {"user": {"username": "us"}, "token": "jwt"}
        if request.headers["Authorization"] != "Bearer jwt":
            return 401, {"detail": "Authentication credentials were not provided."}
        assert request.path == "/api/hash-list/v2/all"
        after = request.query.get("after", "")
        last = int(after.partition(",")[2]) if after else 0
        rows = [row for row in self.entries if int(row["id"]) > last]
        start = int(request.query.get("offset", 0))
        page = rows[start : start + self.page]
        more = start + self.page < len(rows)
        return 200, {
            "count": len(rows),
            "next": f"limit={self.page}&offset={start + self.page}" if more else None,
            "previous": None,
            "checkpoint": f"{page[-1]['updated_on']},{page[-1]['id']}" if page else after,
            "results": page,
        }


@contextmanager
def lists():
    """Run a small list of each service; give the variables of hash-lists.md and opencti.md."""
    graph, hashes, now_s = Graph(), HashList(), int(time.time()) - 60
    shared = [descriptor(tags=["attacker_manifesto"], privacy_type="HAS_PRIVACY_GROUP")]
    graph.put("1f" * 16 + "c3a5" * 8, at=now_s, descriptors=shared)
    graph.put("5d41402abc4b2a76b9719d911017c592", at=now_s, kind="HASH_VIDEO_MD5")
    closed = [descriptor(share_level="AMBER")]
    graph.put("2e" * 16 + "3ca5" * 8, at=now_s, descriptors=closed)
    graph.put("203.0.113.7", at=now_s, kind="IP_ADDRESS")
    hashes.put("3d" * 16 + "c35a" * 8, at=now_s)
    hashes.put("0cc175b9c0f1b6a831c399e269772661", at=now_s, algorithm="MD5")
    sharing = HashSharing()
    sharing.put("image1", md5="0cc175b9c0f1b6a831c399e269772661", pdq="4c" * 16 + "5ac3" * 8)
    sharing.put("video1", kind="video", sha1="da39a3ee5e6b4b0d3255bfef95601890afd80709")
    servers = serving(graph), serving(hashes), serving(sharing)
    with (
        servers[0] as at_meta,
        servers[1] as at_tat,
        servers[2] as at_ncmec,
        opencti_server.example().running() as opencti,
    ):
        yield {
            "OPENCTI_URL": f"{opencti.address}/stream/{opencti_server.STREAM}",
            "OPENCTI_TOKEN": opencti_server.TOKEN,
            "THREATEXCHANGE_URL": f"{at_meta.address}/v26.0/{GROUP}",
            "THREATEXCHANGE_TOKEN": TOKEN,
            "TCAP_URL": at_tat.address,
            "TCAP_USER": "us",
            "TCAP_PASSWORD": "open-sesame",
            "NCMEC_URL": f"{at_ncmec.address}/hashsharing",
            "NCMEC_USER": "us",
            "NCMEC_PASSWORD": "open-sesame",
        }


@dataclass
class HashSharing:
    """NCMEC's hash sharing: entries by the time of their last change, in XML."""

    entries: dict[str, tuple[int, str]] = field(default_factory=dict)
    size: int = 1000
    now_s: int = field(default_factory=lambda: int(time.time()) - 7200)

    def pass_s(self, seconds):
        """Let time pass for changes that follow."""
        self.now_s += seconds

    def put(self, name, *, kind="image", member=42, classification="A1", **fingerprints):
        """Add or change an entry."""
        values = "".join(f"<{at}>{value}</{at}>" for at, value in fingerprints.items())
        self._put(
            name,
            f'<{kind}><member id="{member}">Example Member</member><timestamp>%s</timestamp>'
            f"<id>{name}</id><classification>{classification}</classification>"
            f"<fingerprints>{values}</fingerprints></{kind}>",
        )

    def delete(self, name, *, member=42):
        """Delete an entry."""
        self._put(
            name,
            f'<deletedImage><member id="{member}">Example Member</member><id>{name}</id>'
            f"<timestamp>%s</timestamp></deletedImage>",
        )

    def _put(self, name, xml):
        self.entries[name] = (self.now_s, xml)

    def __call__(self, request):
        """Return the answer to a request."""
        expected = base64.b64encode(b"us:open-sesame").decode()
        if request.headers["Authorization"] != f"Basic {expected}":
            return 401, b""
        if not request.path.endswith("/v2/entries"):
            return 404, b""
        since, until = (_seconds(request.query[name]) for name in ("from", "to"))
        rows = [row for row in self.entries.values() if since <= row[0] < until]
        start = int(request.query.get("start", 0))
        page = rows[start : start + self.size]
        images = "".join(xml % _iso(at) for at, xml in page if "ideo>" not in xml)
        videos = "".join(xml % _iso(at) for at, xml in page if "ideo>" in xml)
        last = _iso(max((at for at, _ in page), default=0))
        more = start + self.size < len(rows)
        onward = {"from": request.query["from"], "to": request.query["to"]}
        onward |= {"start": start + self.size, "size": self.size, "max": len(rows)}
        paging = f"<paging><next>/v2/entries?{escape(urlencode(onward))}</next></paging>"
        body = (
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
            '<queryResult xmlns="https://hashsharing.ncmec.org/hashsharing/v2">'
            f'<images count="{len(page)}" maxTimestamp="{last}">{images}</images>'
            f'<videos count="{len(page)}" maxTimestamp="{last}">{videos}</videos>'
            f"{paging if more else ''}</queryResult>"
        )
        return 200, body.encode()


def _iso(seconds):
    """Seconds as NCMEC writes times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(text):
    """Seconds of a time as the package writes it."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
