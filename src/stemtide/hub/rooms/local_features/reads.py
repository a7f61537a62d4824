# SPDX-License-Identifier: Apache-2.0
"""Read local features: pages for agents, and the facts that the rules need."""

from datetime import datetime

from django.db.models import F, Max, QuerySet

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.local_features import rules
from stemtide.hub.rooms.local_features.models import LocalFeatures
from stemtide.hub.rooms.local_features.rules import LocalFacts
from stemtide.hub.rooms.media.keys import KeyFileError, Keys
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.signals import visible
from stemtide.protocol.enums import PartyKind, SignalState
from stemtide.protocol.handling import Tlp
from stemtide.protocol.sync.local_features import LocalEntry, LocalFeaturesOut, LocalPage


def page(*, after: int, limit: int, exercise: bool, viewer: Party, keys: Keys) -> LocalPage:
    """Return local features of live signals that a provider may see, by number.

    Those that were sent under other marks than the signal has now are left out.

    raises: NotAllowedError; keys.KeyFileError.
    """
    rules.check_read(kind=PartyKind(viewer.kind))
    rows = LocalFeatures.objects.select_related("signal").filter(
        visible(viewer, "signal__"),
        pk__gt=after,
        signal__state=SignalState.LIVE,
        signal__tlp=F("tlp"),
        signal__audience=F("audience"),
    )
    if not exercise:
        rows = rows.filter(signal__exercise=False)
    head = LocalFeatures.objects.aggregate(head=Max("pk"))["head"] or 0
    listed = list(rows.order_by("pk")[: limit + 1])
    entries = [
        LocalEntry(
            number=row.pk,
            signal=row.signal.uid,
            value=keys.unseal(row.value).hex() if row.value else None,
        )
        for row in listed[:limit]
    ]
    more = len(listed) > limit
    following = entries[-1].number if more else max(after, head)
    return LocalPage(entries=entries, next=following, head=head, more=more)


def describe(row: LocalFeatures) -> LocalFeaturesOut:
    """Return local features in their wire format, without their value."""
    return LocalFeaturesOut(
        signal=row.signal.uid, number=row.pk, size_bytes=row.size_bytes, sent_at=row.sent_at
    )


def facts(row: Signal) -> LocalFacts:
    """Return the facts about a visible signal that the rules need."""
    others = stored().exclude(signal=row)
    return LocalFacts(
        shared_by=row.shared_by.name,
        kind=Kind(row.kind),
        state=SignalState(row.state),
        tlp=Tlp(row.tlp),
        of_party=others.filter(signal__shared_by=row.shared_by).count(),
        of_hub=others.count(),
    )


def sent_at(row: Signal) -> datetime | None:
    """Return when the local features of a visible signal were sent; None if it has none."""
    return stored().filter(signal=row).values_list("sent_at", flat=True).first()


@needs_no_viewer("only this room's writes and checks get the rows")
def stored() -> QuerySet[LocalFeatures]:
    """Return the rows that were not removed."""
    return LocalFeatures.objects.filter(removed_at=None)


@needs_no_viewer("it returns numbers to the operator, and no content")
def damaged(keys: Keys) -> list[int]:
    """Return the numbers of local features that no key decrypts."""
    numbers = []
    for row in stored().iterator(chunk_size=100):
        try:
            keys.unseal(row.value)
        except KeyFileError:
            numbers.append(row.pk)
    return numbers
