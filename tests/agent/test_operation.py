# SPDX-License-Identifier: Apache-2.0
"""/health and /metrics say what goes wrong slowly: clocks, queues, certificates, busy decoders."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from httpx import Headers

from stemtide.agent.config.settings import WebhookSettings
from stemtide.agent.hub.certificate import days_left
from stemtide.agent.hub.client import Client
from tests.agent.world import SECRET, agent_of, config_of, sha256, until

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def operation(agent):
    return agent.health()["operation"]


def test_an_agent_at_rest(agent):
    facts = operation(agent)
    assert facts["disk_free_bytes"] > 0
    assert (facts["oldest_delivery_s"], facts["oldest_outcome_s"]) == (0, 0)
    assert (facts["decoding"], facts["decoders"]) == (0, 1)
    assert facts["certificate_days"] is None
    assert "stemtide_agent_certificate_days" not in agent.http.get("/metrics").text


def test_the_age_of_what_a_webhook_does_not_take(hub, provider, sandbox, tmp_path):
    provider.failures = 1000
    webhook = WebhookSettings(url=provider.url, secret=SECRET, backoff_s=0.02)
    hub.share(sha256(b"known"))
    with agent_of(config_of(hub, tmp_path, webhook=webhook), sandbox) as agent:
        agent.wait(position=1)
        agent.ask({"sha256": sha256(b"known")})
        until(lambda: operation(agent)["oldest_delivery_s"] > 0.5)
        provider.failures = 0
        until(lambda: operation(agent)["oldest_delivery_s"] == 0)


def test_the_clock_of_the_hub(agent):
    until(lambda: operation(agent)["clock_offset_s"] is not None)
    assert abs(operation(agent)["clock_offset_s"]) < 60


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 29 Nov 2026 12:00:00"])
def test_a_date_that_cannot_be_read_changes_no_offset(config, date):
    client = Client(config)
    client._note_date(Headers({"Date": date}))
    assert client.clock_offset_s is None


def test_a_hub_whose_clock_is_ten_minutes_behind(config):
    client = Client(config)
    theirs = format_datetime(datetime.now(UTC) - timedelta(minutes=10), usegmt=True)
    client._note_date(Headers({"Date": theirs}))
    assert 590 < client.clock_offset_s < 660


def test_the_days_of_a_client_certificate(tmp_path):
    path = tmp_path / "client.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "agent")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    assert days_left(path, now=NOW) == pytest.approx(9)
    path.write_text("no certificate")
    assert days_left(path, now=NOW) is None
    assert days_left(None, now=NOW) is None


def test_uploads_that_wait_for_a_decoder_are_counted(agent, monkeypatch, sandbox):
    analyse, seen = sandbox.analyse, []

    def slow(*content, **options):
        seen.append(operation(agent)["decoding"])
        time.sleep(0.01)
        return analyse(*content, **options)

    monkeypatch.setattr(sandbox, "analyse", slow)
    files = [("file", (f"{number}", b"%d" % number)) for number in range(3)]
    assert agent.http.post("/match", files=files).status_code == 200
    assert seen[0] == 3
    assert operation(agent)["decoding"] == 0
