# SPDX-License-Identifier: Apache-2.0
"""Read exchanges: state, log, the input of a run, and records that are known here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from stemtide.hub.platform.errors import NotAllowedError, NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.exchanges.models import Exchange, Line, Record
from stemtide.hub.rooms.exchanges.rules import exchanges as rules
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals import bulk_sql
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.interop.exchanges import (
    ExchangeLineOut,
    ExchangeOut,
    ExchangeState,
    OutgoingState,
    Terms,
)
from stemtide.interop.misp.events import organisation_uuid
from stemtide.interop.stix.objects import named_id
from stemtide.protocol.enums import Direction, ExchangeKind, SignalState, Standing
from stemtide.protocol.handling import Tlp

MAX_LINES = 200

LATE_AFTER = timedelta(minutes=15)
"""An exchange overdue by this much is not run: a scheduler holds a run for ten minutes at most."""


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """A run that a scheduler claimed. secret: encrypted. taken: the number of the run."""

    pk: int
    name: str
    taken: int
    kind: ExchangeKind
    pulls: bool
    pushes: bool
    address: str
    push_address: str
    account: str
    secret: str
    checkpoint: dict[str, Any]
    feedback: bool = False
    sharing_group: int | None = None
    tlp_strictest: Tlp = Tlp.AMBER
    organisations: Mapping[UUID, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SameValueSignal:
    """A signal of the same value. is_own: of the exchange's party. is_seen: that party sees it."""

    pk: int
    is_own: bool
    is_live: bool
    is_seen: bool
    withdrawn_at: datetime | None
    tlp: str
    pap: str
    audience: str


def exchanges(*, viewer: Party) -> list[ExchangeOut]:
    """Return all exchanges, by name, for coordinating parties.

    raises: NotAllowedError.
    """
    _check(viewer)
    return all_exchanges()


def exchange(name: str, *, viewer: Party) -> ExchangeOut:
    """Return one exchange. raises: NotAllowedError, NotFoundError."""
    _check(viewer)
    return describe(find(name))


def log(name: str, *, viewer: Party) -> list[ExchangeLineOut]:
    """Return the last lines of an exchange's log. raises: NotAllowedError, NotFoundError."""
    _check(viewer)
    return lines(name)


@needs_no_viewer("an operator sees all")
def all_exchanges() -> list[ExchangeOut]:
    """Return all exchanges, by name, for the operator at the hub's own console."""
    rows = Exchange.objects.select_related("party").filter(removed_at=None)
    return [describe(row) for row in rows]


@needs_no_viewer("an operator sees all")
def lines(name: str) -> list[ExchangeLineOut]:
    """Return the last lines of an exchange's log, latest first. raises: NotFoundError."""
    rows = Line.objects.filter(exchange=find(name))[:MAX_LINES]
    return [ExchangeLineOut(at=line.at, words=line.words) for line in rows]


@needs_no_viewer("the caller has checked access")
def find(name: str) -> Exchange:
    """Return an exchange that was not removed. raises: NotFoundError."""
    row = Exchange.objects.select_related("party").filter(name=name, removed_at=None).first()
    if row is None:
        raise NotFoundError("there is no exchange {name!r}: see the list", name=name[:60])
    return row


def describe(row: Exchange) -> ExchangeOut:
    """Return the state of an exchange."""
    state = rules.state_of(
        is_paused=row.is_paused or row.party.is_suspended,
        removed_at=row.removed_at,
        failing_since=row.failing_since,
        proposed_by=row.proposed_by,
    )
    return ExchangeOut(
        name=row.name,
        kind=ExchangeKind(row.kind),
        state=state,
        pulls=row.pulls,
        pushes=row.pushes,
        address=row.address,
        party=row.party.name,
        terms=Terms.model_validate(row.terms),
        every_s=row.every_s,
        added_at=row.added_at,
        last_ok_at=row.last_ok_at,
        next_at=row.next_at,
        failing_since=row.failing_since,
        why=row.trouble,
        counts=row.counts,
        waiting=row.outgoing.exclude(next_at=None).count(),
        hub=row.hub,
        inside=row.inside,
        push_address=row.push_address if row.push_address != row.address else "",
        held_back=row.outgoing.filter(state=OutgoingState.HELD_BACK).count(),
    )


def entry_detail(row: Exchange) -> dict[str, object]:
    """Return the ledger's detail of a new exchange: never its address."""
    direction = Direction.BOTH
    if not (row.pulls and row.pushes):
        direction = Direction.PULL if row.pulls else Direction.PUSH
    return {"kind": str(row.kind), "party": row.party.ref, "direction": direction.value}


def run_of(row: Exchange) -> ClaimedRun:
    """Return the input of a run."""
    terms = Terms.model_validate(row.terms)
    return ClaimedRun(
        pk=row.pk,
        name=row.name,
        taken=row.taken,
        kind=ExchangeKind(row.kind),
        pulls=row.pulls,
        pushes=row.pushes,
        address=row.address,
        push_address=row.push_address,
        account=row.account,
        secret=row.secret,
        checkpoint=dict(row.checkpoint),
        feedback=terms.feedback,
        sharing_group=terms.sharing_group,
        tlp_strictest=terms.tlp_strictest,
        organisations=terms.organisations,
    )


@needs_no_viewer("the scheduler reads for all parties")
def claimed_exchange(run: ClaimedRun) -> Exchange | None:
    """Return the exchange of a run; None if it was paused, removed, or taken over.

    The exchanges of a suspended party are paused.
    """
    claimed = Exchange.objects.filter(pk=run.pk, taken=run.taken)
    claimed = claimed.exclude(party__standing=Standing.SUSPENDED)
    return claimed.select_related("party").first()


@needs_no_viewer("the scheduler reads for all parties")
def versions(run: ClaimedRun, keys: Iterable[str]) -> dict[str, str]:  # for the scheduler
    """Return the versions of a source's records that are known here, by key."""
    return {key: row.version for key, row in records(run.pk, keys).items()}


@needs_no_viewer("the scheduler reads for all parties")
def records(exchange: int, keys: Iterable[str]) -> dict[str, Record]:
    """Return a source's records by key, each with its signal."""
    by_key: dict[str, Record] = {}
    for batch in batches(keys):
        rows = Record.objects.filter(exchange=exchange, key__in=batch)
        by_key |= {row.key: row for row in rows.select_related("signal", "signal__shared_by")}
    return by_key


@needs_no_viewer("the scheduler reads for all parties")
def parts(exchange: int, wholes: Iterable[str]) -> list[Record]:
    """Return the parts of a source's records that have not ended, with their signals."""
    live_parts: list[Record] = []
    for batch in batches(wholes):
        rows = Record.objects.filter(exchange=exchange, part_of__in=batch, ended=False)
        live_parts += rows.exclude(part_of="").select_related("signal", "signal__shared_by")
    return live_parts


@needs_no_viewer("the scheduler reads for all parties")
def unseen(run: ClaimedRun, since: datetime) -> list[str]:
    """Return the names of a source's live records that did not come since a time."""
    rows = Record.objects.filter(exchange=run.pk, ended=False, seen_at__lt=since)
    return list(rows.order_by("pk").values_list("key", flat=True))


@needs_no_viewer("the scheduler reads for all parties")
def known_parts(run: ClaimedRun, wholes: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the versions of known parts of a source's records, by record and part."""
    versions_by_whole: dict[str, dict[str, str]] = {}
    for row in parts(run.pk, wholes):
        versions_by_whole.setdefault(row.part_of, {})[row.key] = row.version
    return versions_by_whole


@needs_no_viewer("the scheduler reads for all parties")
def shared_keys(pks: Iterable[int], *, exchange: int) -> dict[int, int]:
    """Return the number of a source's records that represent each signal and have not ended."""
    counts: dict[int, int] = {}
    for batch in batches(pks):
        rows = Record.objects.filter(exchange=exchange, signal__in=batch, ended=False)
        for pk in rows.values_list("signal_id", flat=True):
            if pk is not None:
                counts[pk] = counts.get(pk, 0) + 1
    return counts


@needs_no_viewer("the scheduler reads for all parties")
def same_value_signals(
    keys: Iterable[tuple[str, str, bool]],
    *,
    of: Party,
) -> dict[tuple[str, str, bool], list[SameValueSignal]]:
    """Return signals of the same values, live or withdrawn here, by kind, value and exercise.

    of: the exchange's party, whose access is checked.
    """
    wanted_keys = set(keys)
    values: dict[str, set[str]] = {}
    for kind, value, _ in wanted_keys:
        values.setdefault(kind, set()).add(value)
    pks = [
        pk for kind, kind_values in values.items() for pk in bulk_sql.live_with(kind, kind_values)
    ]
    pks += bulk_sql.withdrawn_with({value for _, value, _ in wanted_keys})
    by_key: dict[tuple[str, str, bool], list[SameValueSignal]] = {}
    for batch in batches(pks):
        rows = Signal.objects.filter(pk__in=batch)
        visible_pks = set(rows.filter(visible(of)).values_list("pk", flat=True))
        for row in rows:
            rival = SameValueSignal(
                pk=row.pk,
                is_own=row.shared_by_id == of.pk,
                is_live=row.state == SignalState.LIVE,
                is_seen=row.pk in visible_pks,
                withdrawn_at=row.withdrawn_at,
                tlp=row.tlp,
                pap=row.pap,
                audience=row.audience,
            )
            by_key.setdefault((row.kind, row.value, row.exercise), []).append(rival)
    return by_key


@needs_no_viewer("an id reveals nothing")
def signals_here(uids: Iterable[UUID]) -> set[UUID]:
    """Return those of these ids that belong to signals here."""
    known_uids: set[UUID] = set()
    for batch in batches(uids):
        known_uids |= set(Signal.objects.filter(uid__in=batch).values_list("uid", flat=True))
    return known_uids


@needs_no_viewer("it is public")
def own_hub() -> str:
    """Return the id of this hub."""
    return str(ledger.heads().hub)


@needs_no_viewer("the names are public")
def own_makers() -> set[str]:
    """Return the creator ids that this hub and its parties use in STIX and MISP."""
    hub = ledger.heads().hub
    names = Party.objects.values_list("name", flat=True)
    identities = {named_id("identity", hub, "party", name) for name in names}
    return identities | {str(organisation_uuid(hub))}


def states(*, viewer: Party) -> dict[str, int]:
    """Return the number of exchanges in each state, for coordinating parties; empty for others."""
    if viewer.kind not in COORDINATING:
        return {}
    counts = dict.fromkeys(ExchangeState, 0)
    for exchange in all_exchanges():
        counts[exchange.state] += 1
    return {state.value: number for state, number in counts.items()}


def _check(viewer: Party) -> None:
    """Refuse parties that do not coordinate: addresses of partners are not for everybody."""
    if viewer.kind not in COORDINATING:
        raise NotAllowedError(
            "only authorities, agencies and consortia can see exchanges: ask the hub's operator"
        )


def in_trouble(*, viewer: Party, now: datetime) -> int:
    """Return the number of failing or overdue exchanges; 0 for parties that may not see them.

    Every page of the desk asks this, so it is one cheap query.
    """
    if viewer.kind not in COORDINATING:
        return 0
    failing = ~Q(failing_since=None) & Q(is_paused=False)
    late = Q(next_at__lt=now - LATE_AFTER)
    return Exchange.objects.filter(failing | late, removed_at=None).count()
