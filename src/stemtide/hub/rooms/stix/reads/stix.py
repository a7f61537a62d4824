# SPDX-License-Identifier: Apache-2.0
"""Read collections, statuses of posts, and objects by their id.

Pages of a collection are in reads/pages.py.
"""

import json
from collections.abc import Collection as Some, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Length

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.crises.rules import crises as crises_rules
from stemtide.hub.rooms.ledger.reads import ledger
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.rules.parties import COORDINATING
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.hub.rooms.stix import rules
from stemtide.hub.rooms.stix.models import PatternPart, Receipt, StixObject
from stemtide.hub.rooms.stix.rules import Collection, Holder
from stemtide.interop.stix.authors import OtherParties
from stemtide.interop.stix.objects import named_id, named_uuid, signal_uids
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.messages.crises import CrisisOut

_IN_LIST_SQL = {
    "sqlite": "stix_stixobject.signal_id IN (SELECT value FROM json_each(%s))",
    "postgresql": "stix_stixobject.signal_id = ANY(%s::bigint[])",
}


def collections(*, viewer: Party, scopes: Some[Scope], now: datetime) -> list[Collection]:
    """Return the collections that a party sees: the permanent ones, then crises, oldest first."""
    holder = Holder(PartyKind(viewer.kind), scopes)
    hub = ledger.heads().hub
    permanent = _permanent(hub, holder)
    visible_crises = sorted(
        crises.crises(viewer=viewer), key=lambda crisis: (crisis.warned_at, crisis.id)
    )
    return permanent + [
        _of_crisis(hub, crisis, holder=holder, now=now) for crisis in visible_crises
    ]


def collection(name: str, *, viewer: Party, scopes: Some[Scope], now: datetime) -> Collection:
    """Return a collection by its id or alias.

    raises: NotFoundError, also if the viewer may not see it.
    """
    for candidate in collections(viewer=viewer, scopes=scopes, now=now):
        if name in {str(candidate.id), candidate.alias}:
            return candidate
    raise NotFoundError("there is no such collection, or none that your party may see")


def receipt(uid: UUID, *, viewer: Party) -> dict[str, Any]:
    """Return the status of a post, for the party that sent it.

    raises: NotFoundError.
    """
    stored = Receipt.objects.filter(uid=uid, party=viewer).first()
    if stored is None:
        raise NotFoundError(
            "there is no such status, or it expired, or it belongs to another party"
        )
    body: dict[str, Any] = stored.body
    return body


def stored_objects(collection: Collection, *, viewer: Party) -> QuerySet[StixObject]:
    """Return the stored objects of a collection that a party may see, including faces."""
    own = Q(signal__isnull=True, is_private=False) & visible(viewer)
    of_signals = Q(signal__isnull=False, is_private=False) & visible(viewer, "signal__")
    private = Q(is_private=True, shared_by=viewer)
    if viewer.kind in COORDINATING:
        private |= Q(is_private=True) & visible(viewer, "signal__")
    rows = StixObject.objects.filter(own | of_signals | private)
    everywhere = Q(made_from__startswith="party:")
    real_parties = everywhere & Q(exercise=False)
    if collection.crisis is not None:
        crisis = crises.find(collection.crisis, viewer=viewer)
        return rows.filter(Q(crisis=crisis) | (everywhere if crisis.exercise else real_parties))
    inside = Q(exercise=bool(collection.exercise)) & (
        Q(crisis__isnull=True) | Q(signal__isnull=False)
    )
    return rows.filter(inside | (everywhere if collection.exercise else real_parties))


def find_versions(stix_id: str, *, at: datetime | None, viewer: Party) -> list[StixObject]:
    """Return an object's latest version and that of a given time, of any owner, for write rules.

    Not all versions: with thousands of them, each further one would take longer than the last.
    """
    _ = viewer  # whether it may see them is for the rules: an id is never given twice
    rows = StixObject.objects.filter(Q(version_at=at) | Q(is_latest=True), stix_id=stix_id)
    return list(rows.order_by("position"))


def takes_posts(crisis: Crisis | None, *, viewer: Party, now: datetime) -> bool:
    """Whether a crisis currently accepts posts of a party; the permanent collections always do."""
    if crisis is None:
        return True
    facts = crises.facts(crisis)
    is_open = crises_rules.accepts_signals(facts, now=now)
    return is_open and crises_rules.is_in_room(facts, viewer)


def find_signal(stix_id: str, *, viewer: Party) -> Signal | None:
    """Return the signal whose indicator (posted or generated) has an id, or None."""
    shown = Signal.objects.filter(visible(viewer)).select_related("shared_by", "crisis")
    face = shown.filter(
        stix_objects__stix_id=stix_id, stix_objects__type="indicator", stix_objects__is_latest=True
    )
    signal = face.first()
    if signal is None and (uids := signal_uids(stix_id)):
        faces = _all_faces().filter(signal=OuterRef("pk"))
        signal = shown.filter(~Exists(faces), uid__in=uids).first()
    return signal


@needs_no_viewer("an id is never used twice, whoever asks")
def used_ids(ids: Iterable[str]) -> set[str]:
    """Return those ids that an object or a signal has, visible or not."""
    used: set[str] = set()
    for batch in batches(ids):
        rows = StixObject.objects.filter(stix_id__in=batch)
        used.update(rows.values_list("stix_id", flat=True))
        uids = {uid: stix_id for stix_id in batch for uid in signal_uids(stix_id)}
        for part in batches(uids):
            there = Signal.objects.filter(uid__in=part).values_list("uid", flat=True)
            used.update(uids[uid] for uid in there)
    return used


def parts(stix_id: str, *, viewer: Party) -> list[Signal]:
    """Return the visible signals of an indicator with several comparisons."""
    pks = PatternPart.objects.filter(stix_id=stix_id).values("signal")
    rows = Signal.objects.filter(visible(viewer), pk__in=pks)
    return list(rows.select_related("shared_by", "crisis").order_by("pk"))


class Face(NamedTuple):
    """The posted object that replaces a signal's indicator."""

    stix_id: str
    body: str
    version_at: datetime | None


@needs_no_viewer("their signals were read for a viewer")
def face_lengths(pks: Iterable[int]) -> dict[int, int]:
    """Return the number of characters of signals' latest faces, by the signals' primary keys."""
    return dict(_faces(pks).values_list("signal_id", Length("body")))


@needs_no_viewer("their signals were read for a viewer")
def faces(pks: Iterable[int]) -> dict[int, Face]:
    """Return the latest faces of signals, by the signals' primary keys."""
    columns = _faces(pks).values_list("signal_id", *Face._fields)
    return {pk: Face(*face) for pk, *face in columns}


def _faces(pks: Iterable[int]) -> QuerySet[StixObject]:
    """Return the latest faces of signals, with a single query parameter.

    `__in` makes a parameter for each. For a thousand of them Django takes longer to build the
    query, and PostgreSQL to parse it, than to run it (benchmarks/taxii.py).
    """
    keys = list(pks)
    packed = json.dumps(keys) if connection.vendor == "sqlite" else keys
    sql = _IN_LIST_SQL[connection.vendor]
    among = RawSQL(sql, [packed], output_field=BooleanField())  # noqa: S611  # words of our own
    return _all_faces().filter(among).order_by()


def _all_faces() -> QuerySet[StixObject]:
    """Return the latest faces of all signals, without revoked ones whose signal is still live."""
    return StixObject.objects.filter(type="indicator", is_latest=True, is_beside=False)


@needs_no_viewer("the id of a name reveals nothing")
def party_id(hub: UUID, name: str) -> str:
    """Return the id of a party's identity object."""
    return named_id("identity", hub, "party", name)


def other_parties(*, viewer: Party) -> OtherParties:
    """Return the parties in whose name the viewer must not post."""
    hub = ledger.heads().hub
    rows = [party for party in parties.parties() if party.pk != viewer.pk]
    words = {text.lower(): row.name for row in rows for text in (row.title, row.name)}
    words.pop(viewer.title.lower(), None)
    return OtherParties({party_id(hub, row.name): row.name for row in rows}, words)


@needs_no_viewer("an id reveals nothing")
def crisis_object_id(kind: str, hub: UUID, crisis: UUID) -> str:
    """Return the id of an object that represents a crisis: its incident, grouping or report."""
    return named_id(kind, hub, "crisis", crisis)


def _permanent(hub: UUID, holder: Holder) -> list[Collection]:
    """Return the permanent collections, which every hub has."""
    both = rules.rights_in_standing(holder)
    return [
        Collection(
            id=named_uuid(f"{hub}\ncollection\nstanding"),
            alias="signals",
            title="Signals",
            description="Everything that is shared and that your party may receive, of crises too",
            rights=both,
        ),
        Collection(
            id=named_uuid(f"{hub}\ncollection\nfeedback"),
            alias="feedback",
            title="Feedback",
            description="Sightings and opinions of signals; to be written only",
            rights=rules.rights_in_feedback(holder),
            is_feedback=True,
        ),
        Collection(
            id=named_uuid(f"{hub}\ncollection\nexercises"),
            alias="exercises",
            title="Exercises",
            description="What is rehearsed: nothing real is done because of it",
            rights=both,
            exercise=True,
        ),
    ]


def _of_crisis(hub: UUID, crisis: CrisisOut, *, holder: Holder, now: datetime) -> Collection:
    """Return the collection of a crisis."""
    tail = crisis.tail_ends_at
    is_open = crisis.accepts_signals and (tail is None or now < tail)
    return Collection(
        id=named_uuid(f"{hub}\ncollection\ncrisis\n{crisis.id}"),
        alias=f"crisis-{crisis.id}",
        title=crisis.name,
        description=f"Signals of this crisis ({crisis.stage_title.lower()})",
        rights=rules.rights_in_crisis(holder, in_room=crisis.in_room, is_open=is_open),
        crisis=crisis.id,
        exercise=None,
    )
