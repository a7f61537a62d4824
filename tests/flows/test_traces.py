# SPDX-License-Identifier: Apache-2.0
"""One signal's way in one trace, from its share to a webhook, as a collector gets it by OTLP."""

import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stemtide.exercises import cast, processes
from stemtide.exercises.provider import new_secret
from stemtide.traces.records import ids_of
from tests import forks
from tests.agent.world import sha256
from tests.flows.conftest import House, row, until

CALLERS_TRACE, CALLERS_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
UPLOADERS_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Collector:
    """A collector that takes spans by OTLP over HTTP, and the webhooks of a provider."""

    def __init__(self):
        self.spans, self.bodies, self.webhooks = [], defaultdict(bytes), []
        collector = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/v1/traces":
                    collector.take(body)
                else:
                    collector.webhooks.append(dict(self.headers.items()))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body):
        for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
            facts = {fact.key: fact.value.string_value for fact in of_process.resource.attributes}
            service = facts["service.name"]
            self.bodies[service] += body
            for scope in of_process.scope_spans:
                self.spans += [(service, span) for span in scope.spans]

    def of_trace(self, trace):
        """The spans of a trace, by service and name."""
        return {
            (service, span.name): span
            for service, span in self.spans
            if span.trace_id == bytes.fromhex(trace)
        }

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def collector():
    collector = Collector()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield collector
    collector.stop()


@pytest.fixture(scope="module")
def house(collector, tmp_path_factory):
    house = House(tmp_path_factory.mktemp("house"))
    start_agent(house, collector)
    yield house
    house.close()


def start_agent(house, collector):
    agent = processes.agent(
        "uploads",
        folder=house.folder / "agent",
        hub_url=house.hub.address,
        key=house.keys[cast.PROVIDERS[0]],
        extra=f'[webhook]\nurl = "{collector.address}/hook"\nsecret = "{new_secret()}"\n',
    )
    house.agents["uploads"] = forks.ForkedRunning.of(agent)
    house.caught_up(house.agents["uploads"].start())


WAY = {
    ("stemtide-hub", "share"),
    ("stemtide-hub", "store"),
    ("stemtide-hub", "wake"),
    ("stemtide-agent", "apply"),
    ("stemtide-agent", "match"),
    ("stemtide-agent", "webhook"),
}


def travel(house, collector, content):
    """Share content and upload it, both by callers that have traces; return the signal's id."""
    agent = house.agents["uploads"]
    caller = {"traceparent": f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01"}
    shared = house.authority.post("/api/v1/signals", json=row(sha256(content)), headers=caller)
    assert shared.status_code == 201, shared.text
    house.caught_up(agent)
    uploader = {"traceparent": f"00-{UPLOADERS_TRACE}-{CALLERS_SPAN}-01"}
    files = {"file": ("f", content)}
    answer = httpx.post(f"{agent.address}/match", files=files, headers=uploader, timeout=60)
    assert answer.status_code == 200
    signal = UUID(shared.json()["id"])
    until(lambda: collector.of_trace(trace_of(signal)).keys() >= WAY)
    return signal


def trace_of(signal):
    return f"{ids_of(signal).trace:032x}"


def test_a_signals_way_from_share_to_webhook_is_one_trace(house, collector):
    signal = travel(house, collector, b"a film that nobody may see")
    spans = collector.of_trace(trace_of(signal))
    assert spans.keys() == WAY
    first = spans.pop(("stemtide-hub", "share"))
    assert int.from_bytes(first.span_id) == ids_of(signal).first
    assert first.parent_span_id == b""
    assert {span.parent_span_id for span in spans.values()} == {first.span_id}

    # The provider goes on with the trace.
    sent = f"00-{trace_of(signal)}-{spans['stemtide-agent', 'webhook'].span_id.hex()}-01"
    assert sent in [headers["traceparent"] for headers in collector.webhooks]


def test_each_callers_own_trace_ends_at_the_process_that_it_called(house, collector):
    signal = travel(house, collector, b"another film")
    first = collector.of_trace(trace_of(signal))["stemtide-hub", "share"]
    theirs = collector.of_trace(CALLERS_TRACE)
    assert theirs.keys() == {("stemtide-hub", "share")}
    assert theirs["stemtide-hub", "share"].parent_span_id.hex() == CALLERS_SPAN
    assert theirs["stemtide-hub", "share"].links[0].trace_id.hex() == trace_of(signal)
    assert first.links[0].trace_id.hex() == CALLERS_TRACE
    assert collector.of_trace(UPLOADERS_TRACE).keys() == {("stemtide-agent", "match")}
    assert bytes.fromhex(CALLERS_TRACE) not in collector.bodies["stemtide-agent"]


def test_spans_say_nothing_of_content_and_parties(house, collector):
    content = b"a third film"
    signal = travel(house, collector, content)
    sent = collector.bodies["stemtide-agent"] + collector.bodies["stemtide-hub"]
    private = [sha256(content), content.decode(), cast.AUTHORITY, *house.keys.values(), str(signal)]
    assert [word for word in private if word.encode() in sent] == []


def test_requests_that_share_nothing_make_no_span(house, collector):
    known = {span.trace_id.hex() for _, span in collector.spans}
    house.authority.get("/api/v1/feed")
    refused = house.authority.post("/api/v1/signals", json={"kind": "no kind"})
    assert refused.status_code == 422
    stranger = httpx.post(f"{house.hub.address}/api/v1/signals", json=row(sha256(b"x")))
    assert stranger.status_code == 401
    shared = house.authority.post("/api/v1/signals", json=row(sha256(b"a fourth film")))
    trace = trace_of(UUID(shared.json()["id"]))
    until(lambda: ("stemtide-hub", "wake") in collector.of_trace(trace))
    assert {span.trace_id.hex() for _, span in collector.spans} - known == {trace}
