# SPDX-License-Identifier: Apache-2.0
"""The client at a real hub."""

import asyncio
import threading
from contextlib import aclosing
from uuid import uuid4

import pytest
from pydantic import ValidationError

from stemtide.client import (
    AsyncHub,
    DeclinedError,
    File,
    Hub,
    HubError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from stemtide.protocol.enums import Scope, WithdrawReason
from stemtide.protocol.messages.crises import CrisisOut, WarningIn
from stemtide.protocol.messages.signals import BulkCheckOut, BulkIn, BulkOut, SignalIn, WithdrawIn
from stemtide.protocol.sync.feed import FeedSignal, SnapshotHead, SnapshotTail
from tests.client.conftest import AUTHORITY, PROVIDER
from tests.rounds import rounds


def signal(number, **facts):
    value = f"{number:064x}"
    plain = {"kind": "sha256", "labels": ["perpetrator-content"], "severity": "high"}
    return SignalIn.model_validate(plain | {"value": value} | facts)


def hub_of(real, party=AUTHORITY, **more):
    return Hub(real.address, key=real.keys[party], **more)


def later_of(real, party=AUTHORITY, **more):
    return AsyncHub(real.address, key=real.keys[party], **more)


def test_a_signal_is_shared_read_and_withdrawn(real):
    with hub_of(real) as hub:
        made = hub.share_signal(signal(1))
        assert hub.share_signal(signal(1)).created is False
        assert hub.read_signal(uid=made.id).severity == "high"
        gone = hub.withdraw_signal(WithdrawIn(reason=WithdrawReason.MISTAKE), uid=made.id)
    assert (made.created, gone.state) == (True, "withdrawn")


def test_the_same_is_awaited(real):
    async def share():
        async with later_of(real) as hub:
            made = await hub.share_signal(signal(2))
            return made, await hub.read_signal(uid=made.id), await hub.whoami()

    made, found, me = asyncio.run(share())
    assert (found.id, me.party) == (made.id, AUTHORITY)
    assert Scope.FEED_READ in me.scopes


def test_a_list_is_a_list_of_messages(real):
    warning = {"name": "Attack", "framework": "eucp-2023", "happened_at": "2026-11-24T12:00:00Z"}
    with hub_of(real) as hub:
        hub.warn_of_crisis(WarningIn(**warning, countries=("BE",)))
        found = hub.list_crises()
    assert {type(one) for one in found} == {CrisisOut}


def test_a_file_comes_with_the_name_that_the_hub_gives_it(real):
    warning = {"name": "Other", "framework": "eucp-2023", "happened_at": "2026-11-24T12:00:00Z"}
    with hub_of(real) as hub:
        made = hub.warn_of_crisis(WarningIn(**warning, countries=("BE",)))
        paper = hub.export_timeline(uid=made.id, form="pdf")
        told = hub.export_timeline(uid=made.id)
        assert hub.verify_document(paper.content).verdict == "unsealed"
    assert isinstance(paper, File)
    assert (paper.media_type, paper.name) == ("application/pdf", f"timeline-{made.id}.pdf")
    assert paper.content.startswith(b"%PDF")
    assert str(made.id) in told.model_dump_json()


@pytest.mark.parametrize("exercise", rounds([True], nightly=[False, True]))
def test_the_view_of_a_hub_is_asked_for_in_feed_snapshot_and_stream(real, exercise):
    with hub_of(real) as hub:
        made = hub.share_signals(BulkIn(signals=(signal(10), signal(11, exercise=True))))
    drill = made.signals[1].id
    with hub_of(real, PROVIDER, exercise=exercise) as hub:
        head, *signals, tail = hub.read_snapshot()
        fed = hub.read_feed(after=0).entries
        both = hub.read_feed(after=0, exercise=True).entries
    assert isinstance(head, SnapshotHead)
    assert isinstance(tail, SnapshotTail)
    assert all(isinstance(one, FeedSignal) for one in signals)
    assert [drill in {one.id for one in each} for each in (signals, fed, both)] == [
        exercise,
        exercise,
        True,
    ]


def test_the_stream_wakes_whoever_follows_and_can_be_left(real):
    with hub_of(real) as hub, hub_of(real, PROVIDER) as other:
        position = hub.share_signal(signal(20)).position
        wakes = other.follow_events(last_event_id=position - 1)
        assert next(wakes).position >= position
        sharing = threading.Thread(target=lambda: hub.share_signal(signal(21)))
        sharing.start()
        assert next(wakes).position > position
        sharing.join()
        wakes.close()


def test_the_stream_is_followed_and_left_with_an_event_loop(real):
    async def follow():
        async with later_of(real) as hub, later_of(real, PROVIDER) as other:
            position = (await hub.share_signal(signal(30))).position
            async with aclosing(other.follow_events(last_event_id=position - 1)) as wakes:
                return (await anext(wakes)).position - position

    assert asyncio.run(follow()) >= 0


def test_a_wrong_key_is_refused_with_the_hubs_own_words(real):
    with Hub(real.address, key="st_wrong_key") as hub, pytest.raises(RefusedError) as caught:
        hub.whoami()
    assert caught.value.status == 401
    assert "API key" in caught.value.problem.title


def test_what_a_party_may_not_is_refused(real):
    warning = {"name": "Third", "framework": "eucp-2023", "happened_at": "2026-11-24T12:00:00Z"}
    with hub_of(real, "rights-watch") as hub, pytest.raises(RefusedError) as caught:
        hub.warn_of_crisis(WarningIn(**warning, countries=("BE",)))
    assert caught.value.problem.status == 403


def test_what_is_not_there_is_not_found(real):
    with hub_of(real) as hub:
        with pytest.raises(NotFoundError):
            hub.read_signal(uid=uuid4())
        for odd in ("", ".", "..", "../feed", "a/b", "?x", "#"):
            with pytest.raises((DeclinedError, NotFoundError), match=r"uid|no such address"):
                hub.read_signal(uid=odd)


def test_what_is_declined_says_field_by_field_why(real):
    bad = SignalIn.model_construct(_fields_set={"value"}, value="00")
    with hub_of(real) as hub, pytest.raises(DeclinedError) as caught:
        hub.share_signal(bad)
    assert {one.field for one in caught.value.problem.errors} >= {"kind", "labels", "severity"}


def test_a_message_that_cannot_be_is_not_even_made():
    with pytest.raises(ValidationError):
        signal(1, severity="dreadful")


def test_a_hub_that_is_away_is_said_to_be():
    async def ask():
        async with AsyncHub("http://127.0.0.1:9", key="st_x") as hub:
            await hub.whoami()

    with Hub("http://127.0.0.1:9", key="st_x") as hub, pytest.raises(UnreachableError):
        hub.whoami()
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9: cannot be reached"):
        asyncio.run(ask())


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1", "http://[", "http://a b"])
def test_what_is_no_address_is_an_error_of_ours(url):
    with pytest.raises(HubError), Hub(url, key="st_x", insecure=True) as hub:
        hub.whoami()


@pytest.mark.parametrize("key", ["", "a b", "st_x\r\nHost: other", "schlüssel"])
def test_a_key_that_no_header_carries_is_refused_and_not_repeated(key):
    with pytest.raises(RefusedError) as caught:
        Hub("https://hub.example", key=key)
    assert not key or key not in str(caught.value)


def test_a_key_does_not_travel_readably_unless_one_says_so():
    with pytest.raises(UnreachableError, match="https"):
        Hub("http://hub.example", key="st_x")
    assert "st_x" not in repr(Hub("http://hub.example", key="st_x", insecure=True).connection)
    assert Hub("http://127.0.0.1:8100", key="st_x").connection.is_here


def test_no_proxy_stands_between_us_and_this_machine(real, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with hub_of(real) as hub:
        assert hub.whoami().party == AUTHORITY


def test_an_export_comes_as_bytes_while_it_arrives(real):
    async def export():
        async with later_of(real) as hub, aclosing(hub.export_signals(format="csv")) as parts:
            return b"".join([one async for one in parts])

    with hub_of(real) as hub:
        hub.share_signal(signal(40))
        rows = b"".join(hub.export_signals(format="csv"))
    assert asyncio.run(export()) == rows
    assert f"{40:064x}".encode() in rows


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_table_is_shared_as_it_is_and_answered_as_what_was_asked(real, dry_run):
    line = signal(50 + dry_run).model_dump_json(exclude_unset=True).encode()
    with hub_of(real) as hub:
        found = hub.share_signals(line, media_type="application/x-ndjson", dry_run=dry_run)
    assert type(found) is (BulkCheckOut if dry_run else BulkOut)
    assert found.created == 1
