# SPDX-License-Identifier: Apache-2.0
"""Webhooks over real sockets: what is signed, what is refused, what a hostile receiver may do."""

import json
import socket
import ssl
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event
from standardwebhooks import Webhook, WebhookVerificationError

from stemtide.hub.rooms.alerts.channels import webhook
from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, SendSettings
from tests.hub.alerts.receivers import (
    OLD_SECRET,
    SECRET,
    answer,
    nobody,
    outgoing,
    parts,
    receiver,
)
from tests.hub.outside.names import NOT_PUBLIC, told_by
from tests.rounds import rounds

HERE = SendSettings(loopback=True)
OUTSIDE = SendSettings()


def post_to(to, *, path="/hook", **facts):
    return webhook.send(outgoing(f"http://127.0.0.1:{to.port}{path}", **facts), post=HERE)


def test_what_leaves_is_signed_json_that_a_receiver_can_check():
    with receiver(answer(204)) as to:
        result = post_to(to, secrets=(SECRET, OLD_SECRET))
    line, headers, body = parts(to.requests[0])
    assert result.fate is PostOutcome.SENT
    assert line == "POST /hook HTTP/1.1"
    assert headers["webhook-id"] == "00000000-0000-0000-0000-000000000005"
    for secret in (SECRET, OLD_SECRET):
        name, at = headers["webhook-id"], headers["webhook-timestamp"]
        signed = Webhook(secret).sign(name, outgoing("").now, body.decode())
        assert int(at) == int(outgoing("").now.timestamp())
        assert signed in headers["webhook-signature"].split(" ")
    told = json.loads(body)
    assert told["type"] == "alert.early_warning"
    assert told["data"]["title"] == "Early warning: Attack in a city"
    assert told["data"]["acknowledge"] == "https://hub.example/acknowledge/token"


def test_the_library_of_receivers_takes_what_leaves_by_the_old_secret_and_by_the_new():
    with receiver(answer(204)) as to:
        post_to(to, secrets=(SECRET, OLD_SECRET), now=datetime.now(UTC))
    _, headers, body = parts(to.requests[0])
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(body, headers)["type"] == "alert.early_warning"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"early", b"later"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "c29tZWJvZHkgZWxzZSdzIHNlY3JldA==").verify(body, headers)


@pytest.mark.parametrize(
    ("desk", "source"),
    [
        ("https://hub.example/alerts", "https://hub.example/alerts"),
        ("https://hüb.example/alerts", "https://h%C3%BCb.example/alerts"),
        ("", "/alerts"),
    ],
)
def test_what_leaves_is_a_cloud_event_as_well(desk, source):
    with receiver(answer(204)) as to:
        post_to(to, desk=desk)
    _, headers, _ = parts(to.requests[0])
    assert {name: value for name, value in headers.items() if name.startswith("ce-")} == {
        "ce-specversion": "1.0",
        "ce-id": headers["webhook-id"],
        "ce-source": source,
        "ce-type": "alert.early_warning",
        "ce-time": outgoing("").created_at.isoformat().replace("+00:00", "Z"),
    }
    assert headers["content-type"] == "application/json"


def test_the_sdk_of_cloudevents_reads_what_leaves():
    with receiver(answer(204)) as to:
        post_to(to, desk="https://hüb.example/alerts")
    _, headers, body = parts(to.requests[0])
    event = from_binary_event(HTTPMessage(headers, body))
    assert event.get_id() == headers["webhook-id"]
    assert event.get_source() == "https://hüb.example/alerts"
    assert event.get_type() == "alert.early_warning"
    assert event.get_time() == outgoing("").created_at
    assert event.get_data() == json.loads(body)


def test_an_exercise_says_so_in_its_title_and_as_a_mark():
    with receiver(answer()) as to:
        post_to(to, exercise=True)
    told = json.loads(parts(to.requests[0])[2])["data"]
    assert told["exercise"] is True
    assert told["title"].startswith("[EXERCISE]")


def test_a_repeat_has_the_same_id_and_the_same_body():
    with receiver(answer(500)) as to:
        post_to(to)
        post_to(to, attempt=2)
    first, second = (parts(one) for one in to.requests)
    assert first[1]["webhook-id"] == second[1]["webhook-id"]
    assert first[2] == second[2]


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        *(
            (200, PostOutcome.SENT),
            (202, PostOutcome.SENT),
            (204, PostOutcome.SENT),
            (301, PostOutcome.FAILED),
        ),
        *(
            (307, PostOutcome.FAILED),
            (400, PostOutcome.FAILED),
            (401, PostOutcome.FAILED),
            (404, PostOutcome.FAILED),
        ),
        *(
            (410, PostOutcome.REFUSED),
            (429, PostOutcome.FAILED),
            (500, PostOutcome.FAILED),
            (503, PostOutcome.FAILED),
        ),
    ],
)
def test_what_a_status_means(status, fate):
    with receiver(answer(status)) as to:
        assert post_to(to).fate is fate


@pytest.mark.parametrize(
    ("status", "wait"),
    [(429, timedelta(minutes=2)), (503, timedelta(minutes=2)), (500, None), (204, None)],
    ids=["429", "503", "500", "204"],
)
def test_a_receiver_says_when_to_come_again(status, wait):
    with receiver(answer(status, b"", "Retry-After: 120")) as to:
        assert post_to(to).wait == wait


@pytest.mark.parametrize(
    ("body", "is_acknowledged"),
    [
        (b'{"acknowledged": true}', True),
        (b'{"acknowledged": false}', False),
        (b'{"acknowledged": "true"}', False),
        (b"true", False),
        (b"[" * 9000, False),
        (b"", False),
        (b'{"acknowledged": true}' + b" " * 20_000, False),
    ],
)
def test_a_receiver_may_acknowledge_in_its_answer(body, is_acknowledged):
    with receiver(answer(200, body)) as to:
        result = post_to(to)
    assert (result.fate, result.is_acknowledged) == (PostOutcome.SENT, is_acknowledged)


def test_a_redirect_is_not_followed():
    with receiver(answer()) as inside:
        to_there = f"Location: http://127.0.0.1:{inside.port}/"
        with receiver(answer(302, b"", to_there)) as to:
            result = post_to(to)
    assert inside.requests == []
    assert "not followed" in result.words


def test_a_receiver_that_trickles_bytes_for_ever_is_left(monkeypatch):
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.5)

    def trickle(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:  # until it is left
            connection.sendall(b"X-A: y\r\n")
            time.sleep(0.05)

    with receiver(trickle) as to:
        result = post_to(to)
    assert (result.fate, "longer than" in result.words) == (PostOutcome.FAILED, True)


def test_of_an_endless_answer_a_little_is_read():
    read = []

    def endless(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100_000):
            connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            read.append(4096)

    with receiver(endless) as to:
        assert post_to(to).fate is PostOutcome.SENT
    assert sum(read) < 16 * 1024 * 1024


@pytest.mark.parametrize(
    "nonsense", [b"", b"\x00\x01\x02", b"HTTP/9 9\r\n\r\n", b"220 smtp ready\r\n"]
)
def test_a_receiver_that_speaks_something_else_is_a_failure(nonsense):
    with receiver(nonsense) as to:
        assert post_to(to).fate is PostOutcome.FAILED


def test_nobody_listens():
    with nobody() as url:
        result = webhook.send(outgoing(url), post=HERE)
    assert (result.fate, "cannot connect" in result.words) == (PostOutcome.FAILED, True)


# Where it may go


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//example.org/",
        "example.org",
        "https://",
        "https:///path",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://@example.org/",
        "https://example.org:22/",
        "https://example.org:6379/",
        "https://example.org:notaport/",
        "https://example.org/\r\nX-Injected: 1",
        "https://example.org/ x",
        "https://exämple.org/",
        "https://[::1",
        "https://example.org/" + "a" * 300,
        "",
    ],
)
def test_an_address_that_is_none_of_ours_is_refused_before_anything_is_sent(url):
    result = webhook.send(outgoing(url), post=OUTSIDE)
    assert result.fate is PostOutcome.REFUSED


@pytest.mark.parametrize("address", NOT_PUBLIC[:: rounds(3, nightly=1)])
def test_a_name_that_leads_inside_is_refused(monkeypatch, address):
    told_by(monkeypatch, [address])
    result = webhook.send(outgoing("https://hook.example/"), post=OUTSIDE)
    assert result.fate is PostOutcome.REFUSED
    assert address not in result.words


def test_ways_to_write_an_inner_address_lead_nowhere():
    for host in ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]"):
        result = webhook.send(outgoing(f"https://{host}/"), post=OUTSIDE)
        assert result.fate in {PostOutcome.REFUSED, PostOutcome.FAILED}, host
        assert "connect" not in result.words or "looked up" in result.words, host


def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_mind(monkeypatch):
    with receiver(answer()) as to:
        asked = told_by(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
        url = f"http://hook.example:{to.port}/"
        result = webhook.send(outgoing(url), post=HERE)
    assert result.fate is PostOutcome.SENT
    assert asked == ["hook.example"]
    assert parts(to.requests[0])[1]["host"] == f"hook.example:{to.port}"


def test_plain_http_leads_to_this_machine_only_also_where_it_is_let(monkeypatch):
    told_by(monkeypatch, ["93.184.216.34"])
    assert webhook.send(outgoing("http://hook.example/"), post=HERE).fate is PostOutcome.REFUSED


def test_a_name_that_cannot_be_looked_up_may_be_back_later(monkeypatch):
    def nowhere(*_, **__):
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    assert webhook.send(outgoing("https://hook.example/"), post=OUTSIDE).fate is PostOutcome.FAILED


def test_the_second_address_of_a_name_is_tried(monkeypatch):
    with receiver(answer()) as to:
        told_by(monkeypatch, ["::1", "127.0.0.1"])
        result = webhook.send(outgoing(f"http://hook.example:{to.port}/"), post=HERE)
    assert result.fate is PostOutcome.SENT


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for hook.example, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    name, key = folder / "cert.pem", folder / "key.pem"
    make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=h"
    alt = ["-addext", "subjectAltName=DNS:hook.example", "-keyout", str(key), "-out", str(name)]
    subprocess.run(["openssl", *make.split(), *alt], check=True, capture_output=True)
    return name, key


def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return lambda connection: context.wrap_socket(connection, server_side=True)


@pytest.mark.parametrize(
    ("host", "fate"), [("hook.example", PostOutcome.SENT), ("evil.example", PostOutcome.FAILED)]
)
def test_the_certificate_is_checked_for_the_name_that_was_asked_for(
    monkeypatch, certificate, host, fate
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    told_by(monkeypatch, ["127.0.0.1"])
    with receiver(answer(), wrap=secure(certificate)) as to:
        result = webhook.send(outgoing(f"https://{host}:{to.port}/"), post=HERE)
    assert result.fate is fate


def test_authorities_that_change_are_read_again(monkeypatch, certificate, tmp_path):
    authorities = tmp_path / "authorities.pem"
    authorities.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    told_by(monkeypatch, ["127.0.0.1"])
    for expected in (PostOutcome.FAILED, PostOutcome.SENT):
        with receiver(answer(), wrap=secure(certificate)) as to:
            result = webhook.send(outgoing(f"https://hook.example:{to.port}/"), post=HERE)
        assert result.fate is expected
        authorities.write_bytes(certificate[0].read_bytes())


def test_a_certificate_of_nobody_is_refused(monkeypatch, certificate):
    told_by(monkeypatch, ["127.0.0.1"])
    with receiver(answer(), wrap=secure(certificate)) as to:
        result = webhook.send(outgoing(f"https://hook.example:{to.port}/"), post=HERE)
    assert result.fate is PostOutcome.FAILED
