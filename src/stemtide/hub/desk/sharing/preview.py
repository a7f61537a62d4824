# SPDX-License-Identifier: Apache-2.0
"""What sharing items would do, before anybody shares them: read only, for one party."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _
from pydantic import ValidationError

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.desk.long_fingerprints import kilobytes
from stemtide.hub.desk.sharing.items import Item, ItemRow, rows_of
from stemtide.hub.desk.signals import opinions
from stemtide.hub.rooms.parties.reads.parties import Viewer
from stemtide.hub.rooms.signals.reads.sharing import bulk, shares
from stemtide.hub.rooms.signals.reads.sharing.shares import KnownSignal
from stemtide.protocol.enums import DryRunOutcome, PartyKind, Severity
from stemtide.protocol.labels import labels
from stemtide.protocol.messages.signals import CheckedRow, SignalIn, is_long
from stemtide.protocol.trust.standing import Basis, basis_of

_NEW = frozenset({DryRunOutcome.CREATED, DryRunOutcome.WAITING})
_MOST_NEAR = 200
"""Pictures that are compared with all others; an animation may have hundreds."""

_SHOWN_ROWS = 12
"""Fingerprints of one item that are listed; an animation may have hundreds."""


@dataclass(frozen=True, slots=True)
class RowPreview:
    """One fingerprint. shown: its value or what it is of; why_not: why it is left out.

    same, near: live signals that the party may see. is_own: the party shares it already.
    waiting_for: why a second person has to look at it before it travels.
    """

    kind: Kind
    shown: str
    part: str
    quality: int | None
    why_not: str
    is_own: bool
    same: tuple[KnownSignal, ...]
    near: tuple[KnownSignal, ...]
    waiting_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shareable:
    """What would be shared. refused: rows that the hub would refuse; waits: why signals wait."""

    signals: list[SignalIn]
    refused: list[CheckedRow]
    waits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemPreview:
    """One item. rows: the first of its fingerprints; more: how many are not listed.

    acts: in one line each, what agents with the default policy will do.
    """

    number: int
    item: Item
    rows: tuple[RowPreview, ...]
    more: int
    acts: tuple[str, ...]

    @property
    def is_shareable(self) -> bool:
        """Whether any of its fingerprints can be shared."""
        return any(not row.why_not and not row.is_own for row in self.rows) or self.more > 0


def preview(
    items: Iterable[Item], *, viewer: Viewer, exercise: bool, now: datetime
) -> list[ItemPreview]:
    """Return what sharing these items would do, as far as the viewer may see."""
    listed = list(items)
    rows = rows_of(listed)
    checks = _checked(rows, viewer=viewer, exercise=exercise, now=now)
    uids = {uid for check in checks.values() for uid in check.others}
    known_signals = shares.known_by_id(uids, viewer=viewer)
    pictures = [row.fingerprint.value.lower() for row in rows if _is_picture(row)][:_MOST_NEAR]
    near = shares.near_signals(pictures, viewer=viewer, exercise=exercise) if pictures else {}
    previews = []
    for number, item in enumerate(listed):
        own = [(place, row) for place, row in enumerate(rows) if row.item is item]
        described = [
            _row_preview(row, checks.get(place), same=known_signals, near=near)
            for place, row in own
        ]
        acts = dict.fromkeys(
            _act(row, viewer=viewer, exercise=exercise)
            for row in described
            if not row.why_not and not row.is_own
        )
        shown = tuple(described[:_SHOWN_ROWS])
        previews.append(ItemPreview(number, item, shown, len(described) - len(shown), tuple(acts)))
    return previews


def shareable(
    rows: Iterable[ItemRow], facts: Mapping[str, object], *, by: Viewer, now: datetime
) -> Shareable:
    """Return the signals to share, the rows that the hub would refuse, and why signals wait.

    Left out are fingerprints that cannot be shared, and those that the party shares already.
    raises: ValidationError.
    """
    bodies = [row.signal(facts) for row in rows if not row.why_not]
    checks = bulk.check_bulk(bodies, by=by, now=now, names_others=False)
    new = [check for check in checks.rows if check.would_be in _NEW]
    refused = [
        check
        for check in checks.rows
        if check.would_be is DryRunOutcome.REFUSED and not _is_own(check)
    ]
    waits = dict.fromkeys(reason for check in new for reason in check.waiting_for)
    return Shareable([bodies[check.row] for check in new], refused, tuple(waits))


def _checked(
    rows: list[ItemRow], *, viewer: Viewer, exercise: bool, now: datetime
) -> dict[int, CheckedRow]:
    """Return the hub's check of each row that can be shared, with marks that fit any party."""
    facts = {
        "labels": [next(name for name, label in labels().items() if not label.refuse_to)],
        "severity": Severity.HIGH,
        "exercise": exercise,
    }
    bodies, places = [], []
    for place, row in enumerate(rows):
        if row.why_not:
            continue
        try:
            bodies.append(row.signal(facts))
        except ValidationError:
            continue
        places.append(place)
    checks = bulk.check_bulk(bodies, by=viewer, now=now)
    return {places[check.row]: check for check in checks.rows}


def _row_preview(
    row: ItemRow,
    check: CheckedRow | None,
    *,
    same: Mapping[UUID, KnownSignal],
    near: Mapping[str, list[KnownSignal]],
) -> RowPreview:
    """Return the preview of one fingerprint."""
    fingerprint = row.fingerprint
    is_own = check is not None and (_is_own(check) or check.would_be is DryRunOutcome.EXISTING)
    why_not = row.why_not
    if check is None and not why_not:
        why_not = _("it is not a value of its kind")
    elif check is not None and check.would_be is DryRunOutcome.REFUSED and not is_own:
        why_not = check.message or ""
    value = fingerprint.value.lower()
    return RowPreview(
        kind=fingerprint.kind,
        shown=row.item.url or (kilobytes(len(value) // 2) if is_long(fingerprint.kind) else value),
        part=fingerprint.part,
        quality=fingerprint.quality,
        why_not=why_not,
        is_own=is_own,
        same=tuple(same[uid] for uid in check.others if uid in same) if check else (),
        near=tuple(near.get(value, ())) if fingerprint.kind is Kind.PDQ else (),
        waiting_for=tuple(check.waiting_for) if check and not is_own else (),
    )


def _act(row: RowPreview, *, viewer: Viewer, exercise: bool) -> str:
    """Return in one line what agents with the default policy do with a new signal."""
    if exercise:
        return _("Only logs: it belongs to an exercise.")
    others = [signal.trust for signal in row.same]
    basis: Basis = basis_of(viewer.trust, others, kind=row.kind, reach=None)
    return opinions.sentence_of(basis, sharer=PartyKind(viewer.kind), others=len(others))


def _is_own(check: CheckedRow) -> bool:
    """Whether a row was refused because the party shares its value already, with other marks."""
    return check.field == "conflict"


def _is_picture(row: ItemRow) -> bool:
    """Whether a row is a picture's hash that can be compared."""
    return row.fingerprint.kind is Kind.PDQ and not row.why_not
