# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: referrals.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.enums.referrals import ReferralState
    from stemtide.protocol.messages.referrals import (
        AcknowledgeIn,
        AnswerIn,
        AssessIn,
        ContextIn,
        DropIn,
        ReferralOut,
        ReferralPage,
        ReferralSearchOut,
        ReinstateIn,
        SearchIn,
        SendIn,
        TakeBackIn,
    )


def acknowledge_referral(body: AcknowledgeIn, *, uid: UUID | str) -> Call[ReferralOut]:
    """Confirm that a person at your party has the referral.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/referrals/{uid}/acknowledge
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call((ReferralOut,), "POST", f"/api/v1/referrals/{part(uid)}/acknowledge", body=body)


def answer_referral(body: AnswerIn, *, uid: UUID | str) -> Call[ReferralOut]:
    """Answer a referral with a measure, a refusal or a question. You are free to refuse.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/referrals/{uid}/answer
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call((ReferralOut,), "POST", f"/api/v1/referrals/{part(uid)}/answer", body=body)


def drop_referral(body: DropIn, *, uid: UUID | str) -> Call[ReferralOut]:
    """Decide not to refer assessed content.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/referrals/{uid}/drop
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call((ReferralOut,), "POST", f"/api/v1/referrals/{part(uid)}/drop", body=body)


def give_context(body: ContextIn, *, uid: UUID | str) -> Call[ReferralOut]:
    """Provide the context that the provider asked for. The referral is sent again with it.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/referrals/{uid}/context
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call((ReferralOut,), "POST", f"/api/v1/referrals/{part(uid)}/context", body=body)


def list_referrals(
    *,
    state: list[ReferralState] | None = None,
    sender: str | None = None,
    provider: str | None = None,
    crisis: UUID | str | None = None,
    batch: UUID | str | None = None,
    reference: str | None = None,
    exercise: bool | None = None,
    after: int | None = None,
    limit: int | None = None,
) -> Call[ReferralPage]:
    """List referrals that your party sent or received, oldest first.

    Reading them counts as receipt by their provider.

    limit: If left out: 100.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/referrals
    """
    from stemtide.protocol.messages.referrals import ReferralPage

    return Call(
        (ReferralPage,),
        "GET",
        "/api/v1/referrals",
        query={
            "state": state,
            "sender": sender,
            "provider": provider,
            "crisis": crisis,
            "batch": batch,
            "reference": reference,
            "exercise": exercise,
            "after": after,
            "limit": limit,
        },
    )


def read_referral(*, uid: UUID | str) -> Call[ReferralOut]:
    """Retrieve a referral. This counts as receipt by its provider.

    Needs a key with the scope requests:read. raises: HubError. source: GET /api/v1/referrals/{uid}
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call((ReferralOut,), "GET", f"/api/v1/referrals/{part(uid)}")


def refer(
    body: AssessIn, *, send: bool | None = None, despite: str | None = None
) -> Call[ReferralOut]:
    """Record assessed content. With send=1 it is referred at once, unless a hold applies.

    Needs a key with the scope referrals:write. raises: HubError. source: POST /api/v1/referrals
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call(
        (ReferralOut,),
        "POST",
        "/api/v1/referrals",
        query={"send": send, "despite": despite},
        body=body,
    )


def reinstate_referred(body: ReinstateIn, *, uid: UUID | str) -> Call[ReferralOut]:
    """Report that referred content was put back, as acting on it was wrong.

    Needs a key with the scope answers:write. raises: HubError. source: POST
    /api/v1/referrals/{uid}/reinstate
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call((ReferralOut,), "POST", f"/api/v1/referrals/{part(uid)}/reinstate", body=body)


def search_before_sending(body: SearchIn) -> Call[ReferralSearchOut]:
    """Search before referring a URL: your own and others' referrals, similar content, holds.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/referrals/search
    """
    from stemtide.protocol.messages.referrals import ReferralSearchOut

    return Call((ReferralSearchOut,), "POST", "/api/v1/referrals/search", body=body)


def send_referral(body: SendIn, *, uid: UUID | str) -> Call[ReferralOut]:
    """Send an assessed referral. It waits while a hold applies, unless you override the hold.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/referrals/{uid}/send
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call((ReferralOut,), "POST", f"/api/v1/referrals/{part(uid)}/send", body=body)


def withdraw_referral(body: TakeBackIn, *, uid: UUID | str) -> Call[ReferralOut]:
    """Withdraw a referral that was sent. Its provider is notified.

    Needs a key with the scope referrals:write. raises: HubError. source: POST
    /api/v1/referrals/{uid}/withdraw
    """
    from stemtide.protocol.messages.referrals import ReferralOut

    return Call((ReferralOut,), "POST", f"/api/v1/referrals/{part(uid)}/withdraw", body=body)
