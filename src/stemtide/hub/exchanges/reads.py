# SPDX-License-Identifier: Apache-2.0
"""The only readers of exchanges: how each stands, its log, what a run needs, what is known here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stemtide.hub.exchanges import rules
from stemtide.hub.exchanges.models import Exchange, Line, Record
from stemtide.hub.ledger import reads as ledger
from stemtide.hub.parties.models import Party
from stemtide.hub.parties.rules import COORDINATING, NotAllowedError, NotFoundError
from stemtide.hub.signals import statements
from stemtide.hub.signals.long_values import batches
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.reads import visible
from stemtide.protocol.exchanges import ExchangeLineOut, ExchangeOut, ExchangeState, Terms
from stemtide.protocol.misp import organisation_uuid
from stemtide.protocol.stix import named_id
from stemtide.protocol.words import ExchangeKind, SignalState

MAX_LINES = 200


@dataclass(frozen=True, slots=True)
class Errand:
    """One run that a clock took. secret: still sealed. taken: who begins again has a higher one."""

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


@dataclass(frozen=True, slots=True)
class Rival:
    """A signal of some value. is_own: of the exchange's party. is_seen: that party may see it."""

    pk: int
    is_own: bool
    is_live: bool
    is_seen: bool
    withdrawn_at: datetime | None
    tlp: str
    pap: str


def exchanges(*, viewer: Party) -> list[ExchangeOut]:
    """All exchanges, by name, for parties that coordinate.

    raises: NotAllowedError.
    """
    _check(viewer)
    return all_exchanges(by=viewer.ref)


def exchange(name: str, *, viewer: Party) -> ExchangeOut:
    """One exchange. raises: NotAllowedError, NotFoundError."""
    _check(viewer)
    return describe(find(name, by=viewer.ref), by=viewer.ref)


def log(name: str, *, viewer: Party) -> list[ExchangeLineOut]:
    """The last lines of one exchange's log. raises: NotAllowedError, NotFoundError."""
    _check(viewer)
    return lines(name, by=viewer.ref)


def all_exchanges(*, by: str) -> list[ExchangeOut]:
    """All exchanges, by name, for the operator at the hub's own console. by: who that is."""
    rows = Exchange.objects.select_related("party").filter(removed_at=None)
    return [describe(row, by=by) for row in rows]


def lines(name: str, *, by: str) -> list[ExchangeLineOut]:
    """The last lines of one exchange's log, latest first. raises: NotFoundError."""
    found = Line.objects.filter(exchange=find(name, by=by))[:MAX_LINES]
    return [ExchangeLineOut(at=one.at, words=one.words) for one in found]


def find(name: str, *, by: str) -> Exchange:  # noqa: ARG001  # whoever may ask was asked before
    """One exchange that was not removed. raises: NotFoundError."""
    found = Exchange.objects.select_related("party").filter(name=name, removed_at=None).first()
    if found is None:
        raise NotFoundError("there is no exchange {name!r}: see the list", name=name[:60])
    return found


def describe(row: Exchange, *, by: str) -> ExchangeOut:  # noqa: ARG001  # as above
    """How an exchange stands."""
    state = rules.state_of(
        is_paused=row.is_paused, removed_at=row.removed_at, failing_since=row.failing_since
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
    )


def errand(row: Exchange, *, by: str) -> Errand:  # noqa: ARG001  # the clock's
    """What a run needs of an exchange."""
    return Errand(
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
    )


def held(errand: Errand, *, by: str) -> Exchange | None:  # noqa: ARG001  # the clock's
    """The row of a run; None where it was paused, removed, or taken over."""
    same = Exchange.objects.filter(pk=errand.pk, taken=errand.taken)
    return same.select_related("party").first()


def versions(errand: Errand, keys: Iterable[str], *, by: str) -> dict[str, str]:  # the clock's
    """The versions that are here of some records of a source, by their keys."""
    return {key: row.version for key, row in records(errand.pk, keys, by=by).items()}


def records(exchange: int, keys: Iterable[str], *, by: str) -> dict[str, Record]:  # noqa: ARG001  # the clock's
    """Some records of a source by their keys, each with its signal."""
    found: dict[str, Record] = {}
    for batch in batches(keys):
        rows = Record.objects.filter(exchange=exchange, key__in=batch)
        found |= {row.key: row for row in rows.select_related("signal", "signal__shared_by")}
    return found


def parts(exchange: int, wholes: Iterable[str], *, by: str) -> list[Record]:  # noqa: ARG001  # the clock's
    """Records that are parts of some records of a source and have not ended, with signals."""
    found: list[Record] = []
    for batch in batches(wholes):
        rows = Record.objects.filter(exchange=exchange, part_of__in=batch, ended=False)
        found += rows.exclude(part_of="").select_related("signal", "signal__shared_by")
    return found


def standing(errand: Errand, wholes: Iterable[str], *, by: str) -> dict[str, dict[str, str]]:
    """The versions of parts that are here of some records of a source, by record and part."""
    found: dict[str, dict[str, str]] = {}
    for row in parts(errand.pk, wholes, by=by):
        found.setdefault(row.part_of, {})[row.key] = row.version
    return found


def shared_keys(pks: Iterable[int], *, exchange: int, by: str) -> dict[int, int]:  # noqa: ARG001  # the clock's
    """How many records of a source stand for each of some signals, and have not ended."""
    found: dict[int, int] = {}
    for batch in batches(pks):
        rows = Record.objects.filter(exchange=exchange, signal__in=batch, ended=False)
        for pk in rows.values_list("signal_id", flat=True):
            if pk is not None:
                found[pk] = found.get(pk, 0) + 1
    return found


def rivals(
    keys: Iterable[tuple[str, str, bool]],
    *,
    of: Party,
    by: str,  # noqa: ARG001  # the clock's
) -> dict[tuple[str, str, bool], list[Rival]]:
    """Signals of the same values, live or withdrawn here, by kind, value and exercise.

    of: the exchange's party, which is asked whether it may see them.
    """
    wanted = set(keys)
    values: dict[str, set[str]] = {}
    for kind, value, _ in wanted:
        values.setdefault(kind, set()).add(value)
    pks = [pk for kind, some in values.items() for pk in statements.live_with(kind, some)]
    pks += statements.withdrawn_with({value for _, value, _ in wanted})
    found: dict[tuple[str, str, bool], list[Rival]] = {}
    for some in batches(pks):
        rows = Signal.objects.filter(pk__in=some)
        seen = set(rows.filter(visible(of)).values_list("pk", flat=True))
        for row in rows:
            rival = Rival(
                pk=row.pk,
                is_own=row.shared_by_id == of.pk,
                is_live=row.state == SignalState.LIVE,
                is_seen=row.pk in seen,
                withdrawn_at=row.withdrawn_at,
                tlp=row.tlp,
                pap=row.pap,
            )
            found.setdefault((row.kind, row.value, row.exercise), []).append(rival)
    return found


def signals_here(uids: Iterable[UUID], *, by: str) -> set[UUID]:  # noqa: ARG001  # an id says no more
    """Those of some ids that are signals' here."""
    found: set[UUID] = set()
    for batch in batches(uids):
        found |= set(Signal.objects.filter(uid__in=batch).values_list("uid", flat=True))
    return found


def own_hub(*, by: str) -> str:  # noqa: ARG001  # it is told to everybody
    """The id of this hub."""
    return str(ledger.heads().hub)


def own_makers(*, by: str) -> set[str]:  # noqa: ARG001  # names of our own
    """Under which names this hub and its parties make what they tell: STIX' ids, MISP's too."""
    hub = ledger.heads().hub
    names = Party.objects.values_list("name", flat=True)
    made = {named_id("identity", hub, "party", name) for name in names}
    return made | {str(organisation_uuid(hub))}


def states(*, viewer: Party) -> dict[str, int]:
    """How many exchanges stand how, for those who may know; for others none."""
    if viewer.kind not in COORDINATING:
        return {}
    found = dict.fromkeys(ExchangeState, 0)
    for one in all_exchanges(by=viewer.ref):
        found[one.state] += 1
    return {state.value: count for state, count in found.items()}


def _check(viewer: Party) -> None:
    """Refuse those who do not coordinate: addresses of partners are not for everybody."""
    if viewer.kind not in COORDINATING:
        raise NotAllowedError(
            "authorities, agencies and consortia see exchanges: ask the hub's operator"
        )
