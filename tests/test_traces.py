# SPDX-License-Identifier: Apache-2.0
"""Traces cost nothing while they are off, and processes agree on ids and samples."""

import subprocess
import sys
from uuid import uuid4

import pytest

from stemtide.traces import spans
from stemtide.traces.records import EndedSpan, ids_of

HIDE_OTEL = 'import sys\nsys.modules["opentelemetry"] = None\n'
START = """
import sys
import stemtide.agent.process.worker
from stemtide.traces import spans
spans.start("stemtide-agent")
print(spans.is_on(), "opentelemetry" in sys.modules)
"""


def printed(program, **environment):
    words = [sys.executable, "-c", program]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def test_without_a_collector_nothing_is_imported():
    assert printed(START).stdout == "False False\n"


@pytest.mark.nightly
def test_traces_that_are_not_installed_are_refused_with_the_remedy():
    done = printed(HIDE_OTEL + START, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert "pip install 'stemtide[otel]'" in done.stderr
    assert done.returncode == 1


@pytest.mark.nightly
def test_traces_that_are_switched_off_are_not_asked_for():
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}
    assert printed(START, **settings).stdout == "False False\n"


def test_a_span_while_traces_are_off_is_dropped():
    signal = uuid4()
    spans.add(EndedSpan(signal, "apply", 0.1))
    with spans.request(""):
        spans.note_shared([signal])
    assert spans.open_span(signal, "webhook") is None


@pytest.fixture
def exports(monkeypatch):
    """Two processes that sample half of all traces, and a collector that is away."""
    from stemtide.traces.export import SpanExport

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    exports = [SpanExport("stemtide-hub", instance=""), SpanExport("stemtide-agent", instance="a")]
    yield exports
    for export in exports:
        export.stop()


def flags(export, signal):
    return export.open(signal, "webhook").traceparent[-2:]


def test_processes_sample_the_same_signals(exports):
    hub, agent = exports
    signals = [uuid4() for _ in range(200)]
    sampled = [signal for signal in signals if flags(hub, signal) == "01"]
    assert 50 < len(sampled) < 150
    assert sampled == [signal for signal in signals if flags(agent, signal) == "01"]


def test_a_signal_that_matches_all_the_time_gets_no_more_spans(exports):
    from stemtide.traces.export import MAX_SPANS

    signal = uuid4()
    opened = [exports[0].open(signal, "webhook") for _ in range(MAX_SPANS + 5)]
    assert opened[MAX_SPANS - 1] is not None
    assert opened[MAX_SPANS:] == [None] * 5


def test_ids_do_not_repeat_the_id_of_the_signal():
    signal = uuid4()
    assert ids_of(signal) == ids_of(signal)
    assert ids_of(signal).trace != signal.int
    assert ids_of(signal) != ids_of(uuid4())
