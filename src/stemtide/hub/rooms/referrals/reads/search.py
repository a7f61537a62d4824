# SPDX-License-Identifier: Apache-2.0
"""Search before sending: find others who refer or hold the same content, and their contacts.

A search shows that others refer or hold the content and how to reach them; nothing of the case.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q, QuerySet

from stemtide.fingerprints.url import canonical
from stemtide.hub.platform.errors import NotAllowedError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import contacts
from stemtide.hub.rooms.referrals.models import Hold, Referral
from stemtide.hub.rooms.referrals.rules import referrals as rules
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.reads import similar as similar_reads
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.referrals import (
    FindingKind,
    HoldReason,
    HoldState,
    ReferralState,
    RowOutcome,
)
from stemtide.protocol.messages.referrals import Finding, ReferralSearchOut, SearchIn

Key = tuple[str, int]
"""An address' digest, and a provider's primary key."""

_AT_ONCE = 100
"""Maximum number of findings of one kind."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The referrals and holds around some addresses, by digest and provider.

    own:    the sender's last referral of each. others: awaiting ones of others. holds: by digest.
    """

    own: Mapping[Key, Referral] = field(default_factory=dict)
    others: Mapping[Key, list[Referral]] = field(default_factory=dict)
    holds: Mapping[str, list[Hold]] = field(default_factory=dict)

    def around(self, digest: str, provider: int) -> rules.NearbyReferrals:
        """Return the facts that the rules need of one address at one provider."""
        own = self.own.get((digest, provider))
        return rules.NearbyReferrals(
            own=ReferralState(own.state) if own else None,
            reference=own.reference if own else "",
            others=(digest, provider) in self.others,
            holds=digest in self.holds,
        )


def search(body: SearchIn, *, viewer: Party, now: datetime) -> ReferralSearchOut:
    """Return the reasons that speak against referring an address now.

    raises: NotAllowedError for who refers nothing: others learn nothing of what is looked into;
            InvalidError for what is no web address.
    """
    if PartyKind(viewer.kind) not in rules.REFERRING:
        raise NotAllowedError("only authorities and agencies can search referrals: ask one")
    _, spelled = rules.read_url(body.url)
    digest = canonical.digest(spelled).hex()
    near = similar_reads.same_content(body.signals, viewer=viewer, exercise=body.exercise)
    findings = [
        *_referral_findings(digest, near, body=body, viewer=viewer, now=now),
        *(
            _hold_finding(hold)
            for hold in open_holds([digest], near=near, exercise=body.exercise, now=now)
        ),
    ]
    around = rules.NearbyReferrals(
        own=_own_state(findings),
        others=any(
            finding.kind is FindingKind.REFERRED and finding.is_open for finding in findings
        ),
        holds=any(finding.kind is FindingKind.HELD for finding in findings),
    )
    come_to = rules.verdict(around, again=True)
    return ReferralSearchOut(
        canonical=spelled,
        findings=findings,
        is_held=around.holds,
        needs_despite=around.others and come_to is not RowOutcome.DUPLICATE,
    )


def surroundings(
    digests: Collection[str],
    *,
    viewer: Party,
    exercise: bool,
    now: datetime,
    near: Collection[int] = (),
    but: int | None = None,
) -> Surroundings:
    """Return the surroundings of addresses that are about to be sent. but: the sender's own row."""
    own: dict[Key, Referral] = {}
    others: dict[Key, list[Referral]] = {}
    for batch in batches(digests):
        rows = Referral.objects.filter(digest__in=batch, exercise=exercise).exclude(pk=but or 0)
        mine = rows.filter(sender=viewer).exclude(state__in=rules.BACK)
        own.update(
            ((referral.digest, referral.provider_id), referral) for referral in mine.order_by("pk")
        )
        theirs = rows.filter(state__in=rules.AWAITING).exclude(sender=viewer)
        for referral in theirs.select_related("sender", "crisis").order_by("pk"):
            others.setdefault((referral.digest, referral.provider_id), []).append(referral)
    holds: dict[str, list[Hold]] = {}
    standing_holds = open_holds(digests, near=near, exercise=exercise, now=now)
    of_signals = similar_reads.by_url_digest(digests, exercise=exercise)
    for hold in standing_holds:
        met = {hold.digest, of_signals.get(hold.signal_id or 0, "")} & set(digests)
        for digest in met or digests:  # the signal is linked to the only address
            holds.setdefault(digest, []).append(hold)
    return Surroundings(own=own, others=others, holds=holds)


@needs_no_viewer("a write shows each sender its own only")
def open_holds(
    digests: Collection[str],
    *,
    near: Collection[int] = (),
    exercise: bool,
    now: datetime,
) -> list[Hold]:
    """Return open holds on addresses, or on signals of the same content, the oldest first.

    near: primary keys of signals. For rooms above; endpoints never call it.
    """
    open_ones = Hold.objects.filter(state=HoldState.PLACED, until__gt=now, exercise=exercise)
    holds: dict[int, Hold] = {}
    for batch in batches(digests):
        of_signals = list(similar_reads.by_url_digest(batch, exercise=exercise))
        which = Q(digest__in=batch) | Q(signal__in=[*of_signals, *near])
        rows = open_ones.filter(which).select_related("holder")
        holds.update((row.pk, row) for row in rows)
    return [holds[pk] for pk in sorted(holds)]


@needs_no_viewer("a write shows each sender its own only")
def unanswered(
    digest: str,
    *,
    near: Collection[int],
    exercise: bool,
) -> list[Referral]:
    """Return the unanswered referrals of an address, or of signals of the same content."""
    which = Q(digest=digest) if digest else Q(pk=None)
    if near:
        which |= Q(signals__in=list(near))
    rows = Referral.objects.filter(which, state__in=rules.AWAITING, exercise=exercise)
    return list(rows.select_related("sender", "crisis").distinct().order_by("pk")[:_AT_ONCE])


def unanswered_elsewhere(
    near: Collection[int], *, viewer: Party, exercise: bool, but: Iterable[int] = ()
) -> list[Referral]:
    """Return others' unanswered referrals that name signals of the same content, oldest first."""
    if not near:
        return []
    rows = _of_signals(near, exercise=exercise).filter(state__in=rules.AWAITING)
    return list(rows.exclude(sender=viewer).exclude(pk__in=list(but))[:_AT_ONCE])


def _of_signals(near: Collection[int], *, exercise: bool) -> QuerySet[Referral]:
    """Return the referrals that name one of these signals."""
    rows = Referral.objects.filter(signals__in=list(near), exercise=exercise)
    return rows.select_related("sender", "provider", "crisis").distinct().order_by("pk")


def _referral_findings(
    digest: str, near: Collection[int], *, body: SearchIn, viewer: Party, now: datetime
) -> list[Finding]:
    """Return findings for referrals of the address, then for the same content elsewhere."""
    rows = Referral.objects.filter(digest=digest, exercise=body.exercise)
    if body.provider:
        rows = rows.filter(provider__name=body.provider)
    is_visible = Q(sender=viewer) | Q(sent_at__isnull=False)
    same = list(
        rows.filter(is_visible).exclude(state__in=rules.BACK)
        .select_related("sender", "provider").order_by("-pk")[:_AT_ONCE]
    )  # fmt: skip
    pks = [referral.pk for referral in same]
    similar_rows = (
        _of_signals(near, exercise=body.exercise)
        .filter(is_visible)
        .exclude(state__in=rules.BACK)
        .exclude(pk__in=pks)[:_AT_ONCE]
        if near
        else []
    )
    reached = {referral.sender_id: referral.sender for referral in (*same, *similar_rows)}
    phones = {pk: _contact(sender, viewer=viewer, now=now) for pk, sender in reached.items()}
    return [
        *(
            _referral_finding(referral, viewer=viewer, contact=phones[referral.sender_id])
            for referral in same
        ),
        *(
            _referral_finding(
                referral,
                viewer=viewer,
                contact=phones[referral.sender_id],
                kind=FindingKind.SIMILAR,
            )
            for referral in similar_rows
        ),
    ]


def _referral_finding(
    row: Referral, *, viewer: Party, contact: str, kind: FindingKind = FindingKind.REFERRED
) -> Finding:
    """Return a referral as a search shows it: of others only its contact."""
    is_own = row.sender_id == viewer.pk
    state = ReferralState(row.state)
    if is_own and kind is FindingKind.REFERRED:
        kind = FindingKind.OWN
    return Finding(
        kind=kind,
        party=row.sender.name,
        party_title=row.sender.title,
        contact=contact,
        is_open=state in rules.STANDING,
        provider=row.provider.name,
        referral=row.uid if is_own else None,
        reference=row.reference if is_own else "",
        state=state if is_own else None,
    )


def _hold_finding(hold: Hold) -> Finding:
    """Return a hold as a finding: its holder, its end and the kind of its reason."""
    return Finding(
        kind=FindingKind.HELD,
        party=hold.holder.name,
        party_title=hold.holder.title,
        contact=hold.contact,
        is_open=True,
        provider="",
        until=hold.until,
        reason=HoldReason(hold.reason),
    )


def _contact(party: Party, *, viewer: Party, now: datetime) -> str:
    """Return how to reach a party now; "" if it has no contact that the viewer may know."""
    steps = contacts.ladder(party, viewer=viewer, now=now)
    return steps[0].contact.address if steps else ""


def _own_state(findings: Iterable[Finding]) -> ReferralState | None:
    """Return the state of the sender's own last referral of the same address."""
    return next((finding.state for finding in findings if finding.kind is FindingKind.OWN), None)
