# SPDX-License-Identifier: Apache-2.0
"""Find signals of the same or near-identical content, for rooms that check before they act."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.long_values import batches
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import clusters
from stemtide.hub.rooms.signals.reads.signals import visible


def same_content(uids: Iterable[UUID], *, viewer: Party, exercise: bool) -> frozenset[int]:
    """Return the primary keys of signals of the same content as signals that a party may see.

    Signals with the same value or content item count even if the viewer may not see them: the
    viewer knows the value already, and learns only that there is something to ask about. Signals of
    the same cluster in a crisis count only as far as the viewer may see them.
    """
    rows = list(
        Signal.objects.filter(visible(viewer), uid__in=list(uids), exercise=exercise).order_by()
        .values_list("uid", "kind", "value", "content", "crisis__uid")
    )  # fmt: skip
    if not rows:
        return frozenset()
    cluster_uids: set[UUID] = set()
    criteria = Q(uid__in=[row[0] for row in rows])
    for uid, kind, value, content, crisis in rows:
        criteria |= Q(kind=kind, value=value)
        if content is not None:
            criteria |= Q(content=content)
        if crisis is not None:
            cluster = clusters.cluster_of(uid, crisis=crisis, viewer=viewer)
            cluster_uids |= cluster.members if cluster else frozenset()
    matching = Signal.objects.filter(
        criteria | Q(uid__in=cluster_uids), exercise=exercise
    ).order_by()
    return frozenset(matching.values_list("pk", flat=True))


@needs_no_viewer("rooms above check access")
def by_url_digest(digests: Iterable[str], *, exercise: bool) -> dict[int, str]:
    """Return the signals of web addresses with these digests: the digest for each primary key."""
    digest_by_pk: dict[int, str] = {}
    for batch in batches(digests):
        rows = Signal.objects.filter(value__in=batch, kind=Kind.URL, exercise=exercise)
        digest_by_pk.update(rows.order_by().values_list("pk", "value"))
    return digest_by_pk
