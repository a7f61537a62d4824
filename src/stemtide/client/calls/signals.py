# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: signals.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from stemtide.client.call import Call, Parts, part

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from stemtide.fingerprints.kinds import Kind
    from stemtide.protocol.messages.signals import (
        BulkCheckOut,
        BulkIn,
        BulkOut,
        DisputeAnswerIn,
        OpinionIn,
        QuestionAnswerIn,
        QuestionIn,
        SetAsideIn,
        SharedSignal,
        SignalIn,
        SignalOut,
        SignalQuestionOut,
        WithdrawIn,
    )
    from stemtide.protocol.sync.local_features import LocalFeaturesIn, LocalFeaturesOut, LocalPage
    from stemtide.protocol.sync.propagation import (
        OtherOutcomesOut,
        PropagationDayOut,
        SignalPropagationOut,
    )
    from stemtide.protocol.trust.disputes import (
        DismissalAnswerIn,
        DismissalOut,
        DismissIn,
        OpenDisputesOut,
    )


def answer_dismissal(body: DismissalAnswerIn, *, uid: UUID | str) -> Call[DismissalOut]:
    """Answer the agency that set your party's disputes aside, once for all of them.

    Needs a key with the scope feedback:write. raises: HubError. source: POST
    /api/v1/dismissals/{uid}/answer
    """
    from stemtide.protocol.trust.disputes import DismissalOut

    return Call((DismissalOut,), "POST", f"/api/v1/dismissals/{part(uid)}/answer", body=body)


def answer_question(
    body: QuestionAnswerIn, *, uid: UUID | str, party: str
) -> Call[SignalQuestionOut]:
    """Answer a party's question about your signal, once. Only that party and yours read it.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/questions/{party}/answer
    """
    from stemtide.protocol.messages.signals import SignalQuestionOut

    return Call(
        (SignalQuestionOut,),
        "POST",
        f"/api/v1/signals/{part(uid)}/questions/{part(party)}/answer",
        body=body,
    )


def answer_set_aside(body: DisputeAnswerIn, *, uid: UUID | str) -> Call[SignalOut]:
    """Answer the agency that set your party's dispute aside. You can answer once.

    Needs a key with the scope feedback:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/dispute/answer
    """
    from stemtide.protocol.messages.signals import SignalOut

    return Call((SignalOut,), "POST", f"/api/v1/signals/{part(uid)}/dispute/answer", body=body)


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


def give_opinion(body: OpinionIn, *, uid: UUID | str) -> Call[SignalOut]:
    """Give your party's opinion of a signal. It replaces an earlier one.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT
    /api/v1/signals/{uid}/opinion
    """
    from stemtide.protocol.messages.signals import SignalOut

    return Call((SignalOut,), "PUT", f"/api/v1/signals/{part(uid)}/opinion", body=body)


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


def read_other_outcomes(*, uid: UUID | str) -> Call[OtherOutcomesOut]:
    """Retrieve how many other parties blocked, held, logged and reversed content of a signal.

    Numbers of parties alone, and only from three on. Parties, uploads and users are not named.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/signals/{uid}/outcomes
    """
    from stemtide.protocol.sync.propagation import OtherOutcomesOut

    return Call((OtherOutcomesOut,), "GET", f"/api/v1/signals/{part(uid)}/outcomes")


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


def remove_local_features(*, uid: UUID | str) -> Call[LocalFeaturesOut]:
    """Remove the local features of a signal, as their sender or as an agency. The signal stays.

    Needs a key with the scope signals:write. raises: HubError. source: DELETE
    /api/v1/signals/{uid}/local-features
    """
    from stemtide.protocol.sync.local_features import LocalFeaturesOut

    return Call((LocalFeaturesOut,), "DELETE", f"/api/v1/signals/{part(uid)}/local-features")


def restore_dispute(*, uid: UUID | str, party: str) -> Call[SignalOut]:
    """Let a dispute that an agency set aside count again.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/disputes/{party}/restore
    """
    from stemtide.protocol.messages.signals import SignalOut

    return Call((SignalOut,), "POST", f"/api/v1/signals/{part(uid)}/disputes/{part(party)}/restore")


def restore_disputes(*, uid: UUID | str) -> Call[DismissalOut]:
    """Take such a decision back, as an agency. The disputes count again.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/dismissals/{uid}/restore
    """
    from stemtide.protocol.trust.disputes import DismissalOut

    return Call((DismissalOut,), "POST", f"/api/v1/dismissals/{part(uid)}/restore")


def send_local_features(body: LocalFeaturesIn, *, uid: UUID | str) -> Call[LocalFeaturesOut]:
    """Send local features of the picture behind a pdq signal of your party, or replace them.

    They show more of the picture than its hash. Agents of providers that may see the signal get
    them if they look uploads up by them.

    Needs a key with the scope signals:write. raises: HubError. source: PUT
    /api/v1/signals/{uid}/local-features
    """
    from stemtide.protocol.sync.local_features import LocalFeaturesOut

    return Call(
        (LocalFeaturesOut,), "PUT", f"/api/v1/signals/{part(uid)}/local-features", body=body
    )


def send_question(body: QuestionIn, *, uid: UUID | str) -> Call[SignalQuestionOut]:
    """Send a question about a signal to its sharer, who is notified and answers once.

    Only the sharer and your party read it. It replaces an earlier question that was answered.

    Needs a key with the scope feedback:write. raises: HubError. source: PUT
    /api/v1/signals/{uid}/question
    """
    from stemtide.protocol.messages.signals import SignalQuestionOut

    return Call((SignalQuestionOut,), "PUT", f"/api/v1/signals/{part(uid)}/question", body=body)


def set_dispute_aside(body: SetAsideIn, *, uid: UUID | str, party: str) -> Call[SignalOut]:
    """Decide, as an agency, that a party's dispute does not count elsewhere.

    The party's own agents still obey it. The party is notified, and may answer once.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/disputes/{party}/set-aside
    """
    from stemtide.protocol.messages.signals import SignalOut

    return Call(
        (SignalOut,),
        "POST",
        f"/api/v1/signals/{part(uid)}/disputes/{part(party)}/set-aside",
        body=body,
    )


def set_disputes_aside(body: DismissIn, *, name: str) -> Call[DismissalOut]:
    """Decide, as an agency, that all open disputes of a party and its group do not count elsewhere.

    Send the count that you were shown. Each party is notified once, and may answer once.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/parties/{name}/disputes/set-aside
    """
    from stemtide.protocol.trust.disputes import DismissalOut

    return Call(
        (DismissalOut,), "POST", f"/api/v1/parties/{part(name)}/disputes/set-aside", body=body
    )


def share_signal(body: SignalIn) -> Call[SharedSignal]:
    """Share a signal. Responds 201, or 200 if your party already shares it.

    Needs a key with the scope signals:write. raises: HubError. source: POST /api/v1/signals
    """
    from stemtide.protocol.messages.signals import SharedSignal

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
    """Share up to 20,000 signals: all or none, or with partial=1 the valid rows, part by part.

    Each party can have one bulk in progress at a time: another one is refused with 429 meanwhile.
    An interrupted bulk can be sent again unchanged: its signals are never shared twice.

    With dry_run=1 nothing is shared: the response has the result that each row would have.

    Needs a key with the scope signals:write. raises: HubError. source: POST /api/v1/signals/bulk
    """
    from stemtide.protocol.messages.signals import BulkCheckOut, BulkOut

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
    """Withdraw a signal. Agents remove it through a tombstone in the feed.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signals/{uid}/withdraw
    """
    from stemtide.protocol.messages.signals import SignalOut

    return Call((SignalOut,), "POST", f"/api/v1/signals/{part(uid)}/withdraw", body=body)
