# SPDX-License-Identifier: Apache-2.0
"""A request whose caller hung up stops working for them; a write that began is finished."""

import json
import re
import select
import socket
import sqlite3
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction

from stemtide.hub.platform.disconnects import CallerLeftError, WaitingClient, check_caller, serving
from stemtide.hub.rooms.parties.models import Party
from tests.hub.api.conftest import signal, wait_until
from tests.rounds import at_night
from tests.world import hex_value

HEX = "0a" * 32


def figures(hub):
    """What the hub counts of callers: abandoned requests, and those at work by caller."""
    with hub.client() as client:
        text = client.get("/metrics").text
    found = dict(re.findall(r'^stemtide_requests_(\w+{\w+="\w+"}) (\S+)', text, re.MULTILINE))
    abandoned = sum(float(found.get(f'abandoned_total{{when="{one}"}}', 0)) for one in WHEN)
    return abandoned, *(float(found[f'at_work{{caller="{one}"}}']) for one in ("waits", "left"))


WHEN = ("waiting", "working")


@contextmanager
def asked(hub, method, path, body=b""):
    """Send a request, wait until a thread works for it, hang up, and wait until that is noticed.

    A request that is answered meanwhile would never be seen at work: then the test ends at once. A
    request that runs a query while its caller hangs up is given up before it is seen to have left.
    """
    before, *_ = figures(hub)
    address = urlsplit(hub.address)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Bearer {hub.keys['fr-referral-unit']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Cookie: to=django\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=60) as line:
        line.sendall(head.encode() + body)

        def is_at_work():
            if select.select([line], [], [], 0)[0]:
                pytest.fail(f"the hub answered what should wait: {line.recv(2000)!r}")
            return figures(hub)[1] == 2  # it, and the request for these figures

        wait_until(is_at_work, what="a thread at work for the request")

    def has_noticed():
        abandoned, _, left = figures(hub)
        return left == 1 or abandoned == before + 1

    wait_until(has_noticed, what="a request at work whose caller has left")
    yield before


def wait_dropped(hub, before):
    """Wait until the request was given up."""
    dropped = (before + 1, 1, 0)
    wait_until(lambda: figures(hub) == dropped, what=f"abandoned, waiting and left of {dropped}")


@at_night
def test_a_search_that_waits_for_its_turn_is_dropped_when_its_caller_hangs_up(hub):
    hub.order("hold-searches")
    try:
        with asked(hub, "GET", f"/api/v1/search?q={HEX}") as before:
            pass
    finally:
        hub.order("release-searches")

    wait_dropped(hub, before)


@at_night
def test_a_write_that_waits_for_the_database_is_dropped_when_its_caller_hangs_up(hub):
    path = hub.folder / "hub.sqlite3"
    if not path.exists():
        pytest.skip("on PostgreSQL another session cannot hold all writers up")
    value = hex_value(4711)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        body = json.dumps(signal(value)).encode()
        with asked(hub, "POST", "/api/v1/signals", body) as before:
            other.execute("ROLLBACK")
        wait_dropped(hub, before)

    with hub.client("fr-referral-unit") as client:
        assert value not in client.get("/api/v1/feed").text


@pytest.mark.django_db
def test_a_read_ends_at_its_next_query_once_its_caller_has_left():
    caller, seen = WaitingClient(), []

    def read() -> None:
        with serving(caller):
            for _ in range(3):
                seen.append(Party.objects.count())
                caller.has_left = True

    with pytest.raises(CallerLeftError):
        read()
    assert seen == [0]
    assert Party.objects.count() == 0  # whoever comes next in this thread is not concerned


@pytest.mark.django_db(transaction=True)
def test_a_write_that_began_is_finished_and_one_that_did_not_is_not_begun(committed_world):
    party = committed_world.agency
    caller = WaitingClient()
    with serving(caller), transaction.atomic():
        Party.objects.filter(pk=party.pk).update(title="begun")
        caller.has_left = True
        assert Party.objects.filter(title="begun").update(title="finished") == 1
        check_caller()
    assert Party.objects.get(pk=party.pk).title == "finished"

    late = WaitingClient()

    def write() -> None:
        with serving(late), transaction.atomic():
            late.has_left = True
            Party.objects.filter(pk=party.pk).update(title="late")

    with pytest.raises(CallerLeftError):
        write()
    assert (Party.objects.get(pk=party.pk).title, connection.in_atomic_block) == ("finished", False)


def test_nobody_works_for_a_caller_who_left_while_waiting_for_a_thread():
    with pytest.raises(CallerLeftError), serving(WaitingClient(has_left=True)):
        pytest.fail("it was begun")
