# SPDX-License-Identifier: Apache-2.0
"""Signals of the same or near-identical content, for rooms above that look before they act."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.parties.models import Party
from stemtide.hub.signals import reads_clusters as clusters
from stemtide.hub.signals.long_values import batches
from stemtide.hub.signals.models import Signal
from stemtide.hub.signals.reads import visible


def alike(uids: Iterable[UUID], *, viewer: Party, exercise: bool) -> frozenset[int]:
    """Primary keys of signals that speak of the same content as some that a party may see.

    Those with the same value or content item, whoever may see them: the viewer knows the value
    already, and learns here only that there is something to ask about. And those of the same
    cluster in a crisis, as far as the viewer may see them.
    """
    rows = list(
        Signal.objects.filter(visible(viewer), uid__in=list(uids), exercise=exercise).order_by()
        .values_list("uid", "kind", "value", "content", "crisis__uid")
    )  # fmt: skip
    if not rows:
        return frozenset()
    near: set[UUID] = set()
    same = Q(uid__in=[row[0] for row in rows])
    for uid, kind, value, content, crisis in rows:
        same |= Q(kind=kind, value=value)
        if content is not None:
            same |= Q(content=content)
        if crisis is not None:
            cluster = clusters.cluster_of(uid, crisis=crisis, viewer=viewer)
            near |= cluster.members if cluster else frozenset()
    found = Signal.objects.filter(same | Q(uid__in=near), exercise=exercise).order_by()
    return frozenset(found.values_list("pk", flat=True))


def of_address(digests: Iterable[str], *, by: str, exercise: bool) -> dict[int, str]:  # noqa: ARG001  # a room above, which says for whom
    """Signals of web addresses with these digests: the digest of each primary key."""
    found: dict[int, str] = {}
    for batch in batches(digests):
        rows = Signal.objects.filter(value__in=batch, kind=Kind.URL, exercise=exercise)
        found.update(rows.order_by().values_list("pk", "value"))
    return found
