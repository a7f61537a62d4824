# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: signals, reads.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stemtide.client.call import Call, Parts, part

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from stemtide.fingerprints.kinds import Kind
    from stemtide.protocol.messages.signals import SignalOut, SignalQuestionOut
    from stemtide.protocol.private_match.messages import PrivateMatchOut
    from stemtide.protocol.sync.local_features import LocalPage
    from stemtide.protocol.sync.propagation import PropagationDayOut, SignalPropagationOut
    from stemtide.protocol.trust.disputes import DismissalOut, OpenDisputesOut


def count_disputes(*, name: str) -> Call[OpenDisputesOut]:
    """Count the open disputes of a party and of its group, for agencies and the party itself.

    Counted are disputes of live, real signals that you may see, without those that were set aside.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/parties/{name}/disputes
    """
    from stemtide.protocol.trust.disputes import OpenDisputesOut

    return Call((OpenDisputesOut,), "GET", f"/api/v1/parties/{part(name)}/disputes")


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
    """Export the signals that you may see as a file: all live ones, or a selection.

    after: only changes after a feed position; since: only changes after a time; withdrawn=1
    includes ended signals. The handling marks apply to everyone who receives the file.

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


def get_private_match() -> Call[PrivateMatchOut]:
    """Read the epoch in use, its public key and the limits of private matching.

    The hub evaluates its digests only while parties ask. After a week without any, the first
    answer is 503.

    Needs a key with the scope private:match. raises: HubError. source: GET /api/v1/private-match
    """
    from stemtide.protocol.private_match.messages import PrivateMatchOut

    return Call((PrivateMatchOut,), "GET", "/api/v1/private-match")


def list_dismissals(*, party: str | None = None) -> Call[list[DismissalOut]]:
    """List decisions that set many disputes aside, latest first: agencies all, others their own.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/dismissals
    """
    from stemtide.protocol.trust.disputes import DismissalOut

    return Call((list[DismissalOut],), "GET", "/api/v1/dismissals", query={"party": party})


def list_local_features(
    *, after: int | None = None, limit: int | None = None, exercise: bool | None = None
) -> Call[LocalPage]:
    """List local features of live signals that your party may see, the earliest first.

    Providers only. exercise=1 includes those of exercise signals.

    limit: If left out: 500.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/local-features
    """
    from stemtide.protocol.sync.local_features import LocalPage

    return Call(
        (LocalPage,),
        "GET",
        "/api/v1/local-features",
        query={"after": after, "limit": limit, "exercise": exercise},
    )


def list_propagation(
    *, from_: date, to: date, exercise: bool | None = None
) -> Call[list[PropagationDayOut]]:
    """List how long shares and withdrawals took to reach agents, by party and day, latest first.

    Agencies see all parties and their total, others themselves. At most 92 days at once.

    from_: The first day (UTC).
    to: The last day; it is in the period.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/propagation
    """
    from stemtide.protocol.sync.propagation import PropagationDayOut

    return Call(
        (list[PropagationDayOut],),
        "GET",
        "/api/v1/propagation",
        query={"from": from_, "to": to, "exercise": exercise},
    )


def list_questions(*, uid: UUID | str) -> Call[list[SignalQuestionOut]]:
    """List questions about a signal: its sharer reads all of them, others their own party's.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/signals/{uid}/questions
    """
    from stemtide.protocol.messages.signals import SignalQuestionOut

    return Call((list[SignalQuestionOut],), "GET", f"/api/v1/signals/{part(uid)}/questions")


def read_signal(*, uid: UUID | str) -> Call[SignalOut]:
    """Retrieve a signal with its opinions, in any state.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/signals/{uid}
    """
    from stemtide.protocol.messages.signals import SignalOut

    return Call((SignalOut,), "GET", f"/api/v1/signals/{part(uid)}")


def read_signal_propagation(*, uid: UUID | str) -> Call[SignalPropagationOut]:
    """Retrieve when a signal was delivered, applied, matched, acted on, withdrawn and released.

    Agencies see each recipient, others their own agents; the sharer sees sums as well. When an
    agent had a signal is known for two weeks.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/signals/{uid}/propagation
    """
    from stemtide.protocol.sync.propagation import SignalPropagationOut

    return Call((SignalPropagationOut,), "GET", f"/api/v1/signals/{part(uid)}/propagation")
