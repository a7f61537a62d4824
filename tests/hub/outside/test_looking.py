# SPDX-License-Identifier: Apache-2.0
"""Looks over real sockets: what is seen, and what a hostile address may not make the hub do."""

import gzip
import hashlib
import socket
import time
from dataclasses import replace
from functools import cache

import pytest

from stemtide.egress import probe as looking
from stemtide.egress.probe import ANYWHERE, THIS_MACHINE, ProbeFailure, probe_address
from tests.hub.alerts.receivers import answer, nobody, parts, receiver
from tests.hub.outside.names import NOT_PUBLIC, told_by
from tests.rounds import rounds

HERE = replace(ANYWHERE, loopback=True)
THIS = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}
"""What HERE lets through: this machine."""
INSIDE = [one for one in NOT_PUBLIC if one not in THIS]
CODINGS = ["gzip", "br", "deflate, gzip", "GZIP", "\xff"]


def at(to, path="/"):
    return f"http://127.0.0.1:{to.port}{path}"


def moved(to, status=302):
    return answer(status, b"", f"Location: {to}")


def test_what_an_address_answers_is_seen_and_not_kept():
    page = b"<p>a page</p>"
    with receiver(answer(200, page, "Content-Type: Text/HTML; charset=utf-8")) as to:
        seen = probe_address(
            at(to, "/video"), reach=HERE, words=lambda body: "read" if body else ""
        )
    assert (seen.status, seen.trouble, seen.hops, seen.is_whole) == (200, None, 0, True)
    assert (seen.size_bytes, seen.content_type) == (len(page), "text/html")
    assert seen.digest == hashlib.sha256(page).hexdigest()
    assert seen.found == "read"
    assert page not in repr(seen).encode()


def test_a_look_says_nothing_about_who_looks():
    with receiver(answer(200, b"", "Set-Cookie: a=b")) as to:
        probe_address(at(to, "/a?b=c#d"), reach=HERE)
        probe_address(at(to, "/a?b=c#d"), reach=HERE)
    for request in to.requests:
        line, headers, body = parts(request)
        assert line == "GET /a?b=c HTTP/1.1"
        assert set(headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert body == b""


@pytest.mark.parametrize("status", [200, 204, 304, 403, 404, 410, 451, 500, 503])
def test_every_status_is_seen_as_it_is(status):
    with receiver(answer(status)) as to:
        seen = probe_address(at(to), reach=HERE)
    assert (seen.status, seen.trouble, seen.digest) == (status, None, "")


# Where it may go


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org/", "file:///etc/passwd", "gopher://127.0.0.1/", "javascript:1"),
        *("//example.org/", "example.org", "https://", "", "http://[::1", "http://1.2.3.4.5/"),
        *("https://user@example.org/", "https://user:secret@example.org/", "https://:x@a.org/"),
        *("http://example.org:22/", "http://example.org:25/", "https://example.org:6379/"),
        *("http://example.org:0/", "http://example.org:65536/", "http://example.org:x/"),
        "https://example.org/" + "a" * 9000,
    ],
)
def test_an_address_that_is_none_of_ours_is_refused_before_anything_is_sent(url):
    assert probe_address(url, reach=ANYWHERE).trouble is ProbeFailure.REFUSED


@pytest.mark.parametrize("address", NOT_PUBLIC)
@pytest.mark.parametrize("scheme", rounds(["https"], nightly=["http", "https"]))
def test_a_name_that_leads_inside_is_refused(monkeypatch, scheme, address):
    told_by(monkeypatch, [address])
    seen = probe_address(f"{scheme}://video.example/", reach=ANYWHERE)
    assert seen.trouble is ProbeFailure.REFUSED
    assert address not in seen.words


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "localhost"),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::]"),
        *("[64:ff9b::127.0.0.1]", "[fe80::1]", "169.254.169.254", "[fd00:ec2::254]"),
        *("\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u24dbocalhost"),
        *("localhost.", "127.0.0.1."),
    ],
)
def test_no_spelling_of_an_inner_address_is_connected_to(host):
    with receiver(answer(200)) as to:
        for port in ("", ":8080", f":{to.port}"):
            seen = probe_address(f"http://{host}{port}/", reach=ANYWHERE)
            assert seen.trouble in {ProbeFailure.REFUSED, ProbeFailure.NO_CONNECTION}
            assert (
                seen.status,
                "looked up" in seen.words or seen.trouble is ProbeFailure.REFUSED,
            ) == (
                None,
                True,
            )
    assert to.requests == []


@pytest.mark.parametrize(
    "url",
    [r"http:\\127.0.0.1\x", "http:127.0.0.1", "http://a@127.0.0.1", "http://127.0.0.1#@a.org"],
)
def test_no_trick_with_slashes_and_users_leads_inside(url):
    assert probe_address(url, reach=ANYWHERE).trouble is ProbeFailure.REFUSED


def test_a_name_is_looked_up_once_so_that_it_cannot_change_its_mind(monkeypatch):
    with receiver(answer()) as to:
        asked = told_by(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
        seen = probe_address(f"http://video.example:{to.port}/", reach=HERE)
    assert (seen.status, asked) == (200, ["video.example"])
    assert parts(to.requests[0])[1]["host"] == f"video.example:{to.port}"


def test_one_inner_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    told_by(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    assert probe_address("https://video.example/", reach=ANYWHERE).trouble is ProbeFailure.REFUSED


def test_this_machine_alone_is_reached_in_an_exercise(monkeypatch):
    with receiver(answer(410)) as to:
        assert probe_address(at(to), reach=THIS_MACHINE).status == 410
    told_by(monkeypatch, ["93.184.216.34"])
    assert (
        probe_address("https://video.example/", reach=THIS_MACHINE).trouble is ProbeFailure.REFUSED
    )


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_with_the_same_bare_request(status):
    with receiver(answer(404)) as there, receiver(moved(at(there, "/b"), status)) as to:
        seen = probe_address(at(to, "/a"), reach=HERE)
    assert (seen.status, seen.hops, seen.url) == (404, 1, at(there, "/b"))
    line, headers, _ = parts(there.requests[0])
    assert (line, "referer" in headers) == ("GET /b HTTP/1.1", False)


def test_a_relative_redirect_is_followed():
    with receiver(moved("../b?c")) as to:
        seen = probe_address(at(to, "/x/y/a"), reach=HERE)
    assert parts(to.requests[1])[0] == "GET /x/b?c HTTP/1.1"
    assert (seen.trouble, seen.hops) == (ProbeFailure.TOO_MANY_HOPS, 5)
    assert len(to.requests) == 6


@pytest.mark.parametrize("inside", rounds(INSIDE[::5], nightly=INSIDE))
def test_a_redirect_to_the_inside_is_refused(monkeypatch, inside):
    with receiver(moved("http://inside.example/")) as to:
        asked = told_by(monkeypatch, ["127.0.0.1"], [inside])
        seen = probe_address(f"http://video.example:{to.port}/", reach=HERE)
    assert asked == ["video.example", "inside.example"]
    assert (seen.trouble, seen.hops) == (ProbeFailure.REFUSED, 1)


@pytest.mark.parametrize(
    "to_there",
    [
        *("file:///etc/passwd", "ftp://example.org/", "gopher://127.0.0.1:6379/_x", "data:,x"),
        *("http://10.0.0.1/", "http://169.254.169.254/latest/", "http://user:x@127.0.0.1/"),
        *("http://[fe80::1]/", "//10.0.0.1/", r"\\10.0.0.1\x", "http://0x0a000001/"),
        *("http://[::1", "http://" + "a" * 9000, "http://example.org:25/"),
    ],
)
def test_a_redirect_is_checked_like_any_address(monkeypatch, to_there):
    with receiver(moved(to_there)) as to:
        if "example.org" in to_there:
            told_by(monkeypatch, ["93.184.216.34"])
        seen = probe_address(at(to), reach=HERE)
    assert (seen.trouble, seen.status) == (ProbeFailure.REFUSED, None)


def test_a_redirect_that_leads_nowhere_is_an_answer():
    with receiver(answer(302)) as to:
        seen = probe_address(at(to), reach=HERE)
    assert (seen.status, seen.hops, seen.trouble) == (302, 0, None)


def test_the_body_of_a_redirect_is_not_read():
    sent = []

    def endless(connection):
        connection.sendall(
            b"HTTP/1.1 302 X\r\nLocation: file:///x\r\nContent-Length: 99999999\r\n\r\n"
        )
        for _ in range(10_000):
            connection.sendall(b"x" * 4096)
            sent.append(4096)

    with receiver(endless) as to:
        assert probe_address(at(to), reach=HERE).trouble is ProbeFailure.REFUSED
    assert sum(sent) < 16 * 1024 * 1024


# Time and size


def drip(first, rest, *, pause_s=0.05):
    def reply(connection):
        connection.sendall(first)
        while True:  # until it is left
            connection.sendall(rest)
            time.sleep(pause_s)

    return reply


DRIPS = [
    (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b"x"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    (b"", b"H"),
]
"""How an answer begins, and what comes again and again."""


@pytest.mark.parametrize(
    ("first", "rest"),
    rounds(DRIPS[3:4], nightly=DRIPS),
)
def test_an_address_that_drips_for_ever_is_left(monkeypatch, first, rest):
    monkeypatch.setattr(looking, "TIMEOUT_S", 0.4)
    with receiver(drip(first, rest)) as to:
        seen = probe_address(at(to), reach=HERE)
    assert seen.trouble in {ProbeFailure.TIMED_OUT, ProbeFailure.BROKEN_OFF}


def test_slow_redirects_share_one_time(monkeypatch):
    monkeypatch.setattr(looking, "TIMEOUT_S", 0.5)

    def slow(connection):
        time.sleep(0.2)
        connection.sendall(moved("/again"))

    with receiver(slow) as to:
        assert probe_address(at(to), reach=HERE).trouble is ProbeFailure.TIMED_OUT
    assert len(to.requests) <= 4


def test_of_an_endless_body_so_much_is_read_and_no_more():
    sent = []

    def endless(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100_000):
            connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            sent.append(4096)

    with receiver(endless) as to:
        seen = probe_address(at(to), reach=HERE)
    assert (seen.size_bytes, seen.is_whole, seen.status) == (looking.MAX_BYTES, False, 200)
    assert sum(sent) < 64 * 1024 * 1024


def test_endless_headers_are_broken_off():
    def endless(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(100_000):
            connection.sendall(f"X-{number}: {'y' * 1000}\r\n".encode())

    with receiver(endless) as to:
        assert probe_address(at(to), reach=HERE).trouble is ProbeFailure.BROKEN_OFF


@cache
def bomb():
    return gzip.compress(b"\0" * 50_000_000)


@pytest.mark.parametrize("coding", rounds(CODINGS[1:3], nightly=CODINGS))
def test_a_bomb_is_never_unpacked(coding):
    packed = bomb()
    with receiver(answer(200, packed, f"Content-Encoding: {coding}")) as to:
        seen = probe_address(at(to), reach=HERE, words=lambda _: "looked")
    assert (seen.size_bytes, seen.is_packed, seen.found) == (len(packed), True, "")
    assert seen.digest == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize(
    "nonsense",
    [b"", b"\x00\x01\x02", b"HTTP/9 9\r\n\r\n", b"220 smtp ready\r\n", b"HTTP/1.1 200 OK\r\nbad"],
)
def test_an_address_that_speaks_something_else_is_said_to(nonsense):
    with receiver(nonsense) as to:
        seen = probe_address(at(to), reach=HERE)
    assert (seen.trouble, seen.status) == (ProbeFailure.BROKEN_OFF, None)
    assert seen.words


def test_a_body_that_ends_early_is_no_answer():
    with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") as to:
        assert probe_address(at(to), reach=HERE).trouble is ProbeFailure.BROKEN_OFF


def test_nobody_listens():
    with nobody() as url:
        assert probe_address(url, reach=HERE).trouble is ProbeFailure.NO_CONNECTION


def test_a_name_that_cannot_be_looked_up_is_no_answer(monkeypatch):
    def nowhere(*_, **__):
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    seen = probe_address("https://video.example/", reach=ANYWHERE)
    assert (seen.trouble, seen.words) == (
        ProbeFailure.NO_CONNECTION,
        "its name cannot be looked up",
    )


def test_plain_speech_where_tls_is_asked_for_is_no_answer(monkeypatch):
    monkeypatch.setattr(looking, "TIMEOUT_S", 0.4)
    with receiver(answer()) as to:
        seen = probe_address(at(to).replace("http:", "https:"), reach=HERE)
    assert (seen.status, seen.trouble is None) == (None, False)
