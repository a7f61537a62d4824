# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: situation.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.enums import MessageKind
    from stemtide.protocol.messages.situation import (
        LogPage,
        MessageIn,
        MessageOut,
        PublicStatementIn,
        PublicStatementOut,
        VoteIn,
    )


def list_lines(*, uid: UUID | str) -> Call[list[PublicStatementOut]]:
    """List the public statements of a crisis. Only those with usable may be used in public.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/crises/{uid}/lines
    """
    from stemtide.protocol.messages.situation import PublicStatementOut

    return Call((list[PublicStatementOut],), "GET", f"/api/v1/crises/{part(uid)}/lines")


def pin_message(*, uid: UUID | str) -> Call[MessageOut]:
    """Pin a message to the top of the log.

    Needs a key with the scope crises:write. raises: HubError. source: PUT
    /api/v1/messages/{uid}/pin
    """
    from stemtide.protocol.messages.situation import MessageOut

    return Call((MessageOut,), "PUT", f"/api/v1/messages/{part(uid)}/pin")


def post_message(body: MessageIn, *, uid: UUID | str) -> Call[MessageOut]:
    """Post a message to the log. Messages cannot be edited: post a correction.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/messages
    """
    from stemtide.protocol.messages.situation import MessageOut

    return Call((MessageOut,), "POST", f"/api/v1/crises/{part(uid)}/messages", body=body)


def propose_line(body: PublicStatementIn, *, uid: UUID | str) -> Call[PublicStatementOut]:
    """Propose a public statement, in one or more languages.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/crises/{uid}/lines
    """
    from stemtide.protocol.messages.situation import PublicStatementOut

    return Call((PublicStatementOut,), "POST", f"/api/v1/crises/{part(uid)}/lines", body=body)


def read_log(
    *,
    uid: UUID | str,
    after: int | None = None,
    limit: int | None = None,
    kind: list[MessageKind] | None = None,
    pinned: bool | None = None,
) -> Call[LogPage]:
    """List messages of the situation log after a number, oldest first.

    limit: If left out: 100.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/crises/{uid}/messages
    """
    from stemtide.protocol.messages.situation import LogPage

    return Call(
        (LogPage,),
        "GET",
        f"/api/v1/crises/{part(uid)}/messages",
        query={"after": after, "limit": limit, "kind": kind, "pinned": pinned},
    )


def read_message(*, uid: UUID | str) -> Call[MessageOut]:
    """Retrieve a message.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/messages/{uid}
    """
    from stemtide.protocol.messages.situation import MessageOut

    return Call((MessageOut,), "GET", f"/api/v1/messages/{part(uid)}")


def unpin_message(*, uid: UUID | str) -> Call[MessageOut]:
    """Unpin a message.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/messages/{uid}/unpin
    """
    from stemtide.protocol.messages.situation import MessageOut

    return Call((MessageOut,), "POST", f"/api/v1/messages/{part(uid)}/unpin")


def vote_on_line(body: VoteIn, *, uid: UUID | str) -> Call[PublicStatementOut]:
    """Agree to a public statement, or object. It replaces an earlier vote.

    Needs a key with the scope crises:write. raises: HubError. source: PUT /api/v1/lines/{uid}/vote
    """
    from stemtide.protocol.messages.situation import PublicStatementOut

    return Call((PublicStatementOut,), "PUT", f"/api/v1/lines/{part(uid)}/vote", body=body)


def withdraw_line(*, uid: UUID | str) -> Call[PublicStatementOut]:
    """Withdraw a public statement that your party proposed.

    Needs a key with the scope crises:write. raises: HubError. source: POST
    /api/v1/lines/{uid}/withdraw
    """
    from stemtide.protocol.messages.situation import PublicStatementOut

    return Call((PublicStatementOut,), "POST", f"/api/v1/lines/{part(uid)}/withdraw")
