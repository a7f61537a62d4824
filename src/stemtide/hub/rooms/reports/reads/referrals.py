# SPDX-License-Identifier: Apache-2.0
"""Read progress figures of referrals: assessed, decided, referred, removed, and how fast."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.reports.rules import progress as rules
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.progress import ProgressBy, ProgressOf
from stemtide.protocol.enums.referrals import Answer, ReferralState
from stemtide.protocol.messages.progress import (
    ProgressQuery,
    ReferralFigures,
    ReferralProgress,
    Span,
    Times,
)

OUTCOMES = (
    *("removed", "disabled", "geo_blocked", "refused", "not_found", "withdrawn", "waiting"),
)
"""Outcomes of a sent referral; each referral has exactly one."""

_NAMED: dict[ProgressBy, Callable[[Referral], str]] = {
    ProgressBy.PROVIDER: lambda row: row.provider.name,
    ProgressBy.AUTHORITY: lambda row: row.sender.name,
    ProgressBy.LANGUAGE: lambda row: row.language,
    ProgressBy.CONTENT_TYPE: lambda row: row.content_type,
    ProgressBy.IDEOLOGY: lambda row: row.ideology,
}
_COUNTED = (
    *("state", "answer", "refusal_reason", "language", "content_type", "ideology"),
    *("assessed_at", "decided_at", "sent_at", "acknowledged_at", "answered_at", "measure_at"),
    *("reinstated_at", "provider__name", "sender__name"),
)
"""The columns that figures need: reading whole rows takes 40% longer."""

_GONE = frozenset({Answer.REMOVED, Answer.DISABLED})
_NOT_TOLD = Times(count=None, median_s=None, p90_s=None)


def referrals(query: ProgressQuery, *, viewer: Party, now: datetime) -> ReferralProgress:
    """Return the progress of the referrals of a period, as one party may see it.

    For its sender, a referral counts when it was assessed; for others, when it was sent, without
    anything that happened before.

    raises: InvalidError, NotAllowedError.
    """
    kind = PartyKind(viewer.kind)
    today = now.astimezone(rules.zone_of(query.zone)).date()
    rules.check_asked(query, subject=rules.REFERRALS, kind=kind, today=today)
    counted = _rows(query, viewer=viewer)
    rows, looks = list(counted), _looks(counted)
    is_sender = query.of is ProgressOf.OWN and kind is not PartyKind.PROVIDER
    total = _figures("", rows, looks=looks, is_sender=is_sender)
    if not rules.is_exact(query, subject=rules.REFERRALS, kind=kind):
        return _progress(query, viewer=viewer, now=now, total=_veiled(total, rows, looks=looks))
    groups = rules.group_by_name(rows, _NAMED[query.by]) if query.by else []
    began = [
        (at, row.sent_at is not None, removed_at(row) is not None)
        for row in rows
        if (at := row.assessed_at if is_sender else row.sent_at) is not None
    ]
    return _progress(
        query,
        viewer=viewer,
        now=now,
        total=total,
        rows=[_figures(name, group, looks=looks, is_sender=is_sender) for name, group in groups],
        spans=rules.spans_of(query, began, is_sender=is_sender),
    )


def _progress(
    query: ProgressQuery,
    *,
    viewer: Party,
    now: datetime,
    total: ReferralFigures,
    rows: Sequence[ReferralFigures] = (),
    spans: Sequence[Span] = (),
) -> ReferralProgress:
    return ReferralProgress(
        seen_by=viewer.name,
        asked=query,
        made_at=now,
        head=ledger.heads().entries,
        total=total,
        rows=list(rows),
        spans=list(spans),
    )


def _rows(query: ProgressQuery, *, viewer: Party) -> QuerySet[Referral]:
    """Return the referrals of a period that count for a party."""
    since, until = rules.bounds(query)
    sent = Q(sent_at__gte=since, sent_at__lt=until)
    rows = Referral.objects.filter(exercise=query.exercise)
    rows = rows.select_related("provider", "sender").only(*_COUNTED)
    if query.of is ProgressOf.ALL:
        return rows.filter(sent)
    if viewer.kind == PartyKind.PROVIDER:
        return rows.filter(sent, provider=viewer)
    return rows.filter(sender=viewer, assessed_at__gte=since, assessed_at__lt=until)


def _looks(counted: QuerySet[Referral]) -> dict[int, bool]:
    """Return, for each referral with a conclusive re-check, whether its content came back."""
    looked = Recheck.objects.filter(referral__in=counted.order_by().values("pk")).exclude(
        settled=""
    )
    verdicts = looked.values_list("referral__pk", "returned_at")
    return {referral: returned_at is not None for referral, returned_at in verdicts}


def _figures(
    name: str, rows: Iterable[Referral], *, looks: Mapping[int, bool], is_sender: bool
) -> ReferralFigures:
    """Return the figures of some referrals."""
    rows = list(rows)
    sent = [row for row in rows if row.sent_at is not None]
    became = Counter(outcome_of(row) for row in sent)
    looked = [looks[row.pk] for row in sent if row.pk in looks]
    refusals = Counter(row.refusal_reason for row in sent if outcome_of(row) == Answer.REFUSED)
    return ReferralFigures(
        name=name,
        assessed=len(rows) if is_sender else None,
        decided=sum(row.decided_at is not None for row in rows) if is_sender else None,
        not_referred=(
            sum(row.state == ReferralState.NOT_REFERRED for row in rows) if is_sender else None
        ),
        referred=len(sent),
        acknowledged=sum(_acknowledged_at(row) is not None for row in sent),
        **{outcome: became[outcome] for outcome in OUTCOMES},
        reinstated=sum(row.reinstated_at is not None for row in sent),
        came_back=sum(looked) if looked else None,
        to_acknowledge=rules.times(
            [at - row.sent_at for row in sent if row.sent_at and (at := _acknowledged_at(row))]
        ),
        to_removal=rules.times(
            [at - row.sent_at for row in sent if row.sent_at and (at := removed_at(row))]
        ),
        refusals=rules.largest_first(refusals),
    )


def outcome_of(row: Referral) -> str:
    """Return the outcome of a sent referral; its last answer counts."""
    if row.answer and row.answer != Answer.NEEDS_CONTEXT:
        return row.answer
    return "withdrawn" if row.state == ReferralState.WITHDRAWN else "waiting"


def _acknowledged_at(row: Referral) -> datetime | None:
    """Return when a person at the provider acknowledged it; an answer counts as well."""
    return row.acknowledged_at or row.answered_at


def removed_at(row: Referral) -> datetime | None:
    """Return when it was removed for everybody, according to the provider."""
    return (row.measure_at or row.answered_at) if row.answer in _GONE else None


def _veiled(
    total: ReferralFigures, rows: Iterable[Referral], *, looks: Mapping[int, bool]
) -> ReferralFigures:
    """Return everybody's figures, without those from which one provider could derive another's."""
    parts: dict[str, Counter[str]] = {name: Counter() for name in OUTCOMES}
    reasons: dict[str, Counter[str]] = {}
    beside: dict[str, Counter[str]] = {
        name: Counter() for name in ("acknowledged", "reinstated", "came_back")
    }
    for row in rows:
        name = row.provider.name
        parts[outcome_of(row)][name] += 1
        if outcome_of(row) == Answer.REFUSED:
            reasons.setdefault(row.refusal_reason, Counter())[name] += 1
        beside["acknowledged"][name] += _acknowledged_at(row) is not None
        beside["came_back"][name] += looks.get(row.pk, False)
        beside["reinstated"][name] += row.reinstated_at is not None
    hidden = rules.withheld(parts)
    whole = sum(parts.values(), Counter[str]())
    gone = {"removed", "disabled"} & hidden
    hidden_reasons = set(reasons) if "refused" in hidden else rules.withheld(reasons)
    hidden |= {name for name, of in beside.items() if rules.withheld({name: of, "-": whole - of})}
    changed: dict[str, object] = dict.fromkeys(name or "referred" for name in hidden)
    if "acknowledged" in hidden:
        changed["to_acknowledge"] = _NOT_TOLD
    if gone:
        changed["to_removal"] = _NOT_TOLD
    changed["refusals"] = [
        refusal.model_copy(update={"count": None} if refusal.name in hidden_reasons else {})
        for refusal in total.refusals
    ]
    return total.model_copy(update=changed)
