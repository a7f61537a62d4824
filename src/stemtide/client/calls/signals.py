# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: signals.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stemtide.client.call import Call, Parts, part

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from stemtide.fingerprints.kinds import Kind
    from stemtide.protocol.signals import (
        BulkCheckOut,
        BulkIn,
        BulkOut,
        OpinionIn,
        SharedSignal,
        SignalIn,
        SignalOut,
        WithdrawIn,
    )


def export_signals(
    *,
    format: Literal["csv", "jsonl"] | None = None,
    crisis: UUID | str | None = None,
    kind: list[Kind] | None = None,
    after: int | None = None,
    since: datetime | None = None,
    withdrawn: bool | None = None,
    exercise: bool | None = None,
) -> Parts[bytes]:
    """The signals that you may see, as a file: all that is live, or what the query narrows it to.

    after: what changed after a feed position; since: after a time; withdrawn=1 adds what ended.
    Their marks bind whoever gets the file.

    format: If left out: "jsonl".

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/signals/export
    """
    return Parts(
        (bytes,),
        "GET",
        "/api/v1/signals/export",
        query={
            "format": format,
            "crisis": crisis,
            "kind": kind,
            "after": after,
            "since": since,
            "withdrawn": withdrawn,
            "exercise": exercise,
        },
    )


def give_opinion(body: OpinionIn, *, uid: UUID | str) -> Call[SignalOut]:
    """Say what your party thinks of a signal; saying it again replaces it.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT
    /api/v1/signals/{uid}/opinion
    """
    from stemtide.protocol.signals import SignalOut

    return Call((SignalOut,), "PUT", f"/api/v1/signals/{part(uid)}/opinion", body=body)


def read_signal(*, uid: UUID | str) -> Call[SignalOut]:
    """One signal with its opinions, whatever its state.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/signals/{uid}
    """
    from stemtide.protocol.signals import SignalOut

    return Call((SignalOut,), "GET", f"/api/v1/signals/{part(uid)}")


def share_signal(body: SignalIn) -> Call[SharedSignal]:
    """Share one signal: 201; 200 where your party shares the same one already.

    Needs a key with the scope signals:write. raises: HubError. source: POST /api/v1/signals
    """
    from stemtide.protocol.signals import SharedSignal

    return Call((SharedSignal,), "POST", "/api/v1/signals", body=body)


def share_signals(
    body: BulkIn | bytes,
    *,
    partial: bool | None = None,
    dry_run: bool | None = None,
    media_type: Literal[
        "application/json", "application/x-ndjson", "text/csv"
    ] = "application/json",
) -> Call[BulkCheckOut | BulkOut]:
    """Share up to 20,000 signals: all or none; with partial=1 the good rows, part by part.

    Each party has one bulk under way at a time: another one is refused with 429 meanwhile. A bulk
    that broke off can be sent again as it was: what is shared already is not shared twice.

    With dry_run=1 nothing is shared: the answer says what would become of each row.

    Needs a key with the scope signals:write. raises: HubError. source: POST /api/v1/signals/bulk
    """
    from stemtide.protocol.signals import BulkCheckOut, BulkOut

    return Call(
        (
            BulkCheckOut,
            BulkOut,
        ),
        "POST",
        "/api/v1/signals/bulk",
        query={"partial": partial, "dry_run": dry_run},
        body=body,
        media_type=media_type,
    )


def withdraw_signal(body: WithdrawIn, *, uid: UUID | str) -> Call[SignalOut]:
    """Take a signal back: it leaves every agent as a tombstone in the feed.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/withdraw
    """
    from stemtide.protocol.signals import SignalOut

    return Call((SignalOut,), "POST", f"/api/v1/signals/{part(uid)}/withdraw", body=body)
