# SPDX-License-Identifier: Apache-2.0
"""Pages for the content of a crisis: all clusters, and one cluster with all its variants."""

from datetime import UTC, datetime
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.crises import content as room_content, variants
from stemtide.hub.desk.selection.offered import offered
from stemtide.hub.desk.signals.content_acts import ActedContent, content_acts
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.media import reads
from stemtide.hub.rooms.parties.reads.parties import Viewer, party_titles
from stemtide.hub.rooms.signals.reads import clusters as clusters_reads, sightings
from stemtide.hub.rooms.signals.views import Cluster
from stemtide.protocol.enums import SignalState
from stemtide.protocol.messages.crises import CrisisOut

CLUSTERS_A_PAGE = 60
VARIANTS_A_PAGE = 100


@require_safe
@signed_in
def content(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """List all clusters, page by page."""
    viewer = request.user.party
    life = crises.crisis(uid, viewer=viewer)
    clusters = clusters_reads.clusters(uid, viewer=viewer)
    page = Paginator(clusters, CLUSTERS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "life": life,
        "now": datetime.now(UTC),
        "page": page,
        "rows": room_content.rows_of(page, crisis=uid, viewer=viewer),
        "cluster_marks": room_content.marks_of(clusters),
        "titles": party_titles(),
        "cluster_count": len(clusters),
        "variant_count": sum(len(cluster.members) for cluster in clusters),
        "seen": reads.opened_signals(uid, by=actor_of(request)),
        "bulk_acts": offered(actor_of(request)),
    }
    return render(request, "desk/content.html", context)


@require_safe
@signed_in
def cluster(request: SignedInRequest, uid: UUID, key: UUID) -> HttpResponse:
    """Show one cluster with every variant, live ones first.

    raises: NotFoundError if the viewer may not see the cluster.
    """
    viewer = request.user.party
    life = crises.crisis(uid, viewer=viewer)
    own_cluster = clusters_reads.cluster_of(key, crisis=uid, viewer=viewer)
    if own_cluster is None:
        raise NotFoundError(
            "there is no cluster {key} in this crisis that your party may see", key=key
        )
    (row,) = room_content.rows_of([own_cluster], crisis=uid, viewer=viewer)
    pages = Paginator(row.cluster.variants, VARIANTS_A_PAGE)
    acts = content_acts(_content(row.cluster, life, viewer=viewer), by=actor_of(request))
    page = pages.get_page(request.GET.get("page"))
    context = {
        "life": life,
        "now": datetime.now(UTC),
        "row": row,
        "page": page,
        "variants": variants.rows(page, drawing=row.cluster.drawing),
        "pictures": variants.side_by_side(row.cluster),
        "table": sightings.cluster_table(row.cluster.members, viewer=viewer),
        "curve": room_content.cluster_curve(row.cluster, viewer=viewer),
        "titles": party_titles(),
        "seen": reads.opened_signals(uid, by=actor_of(request)),
        "bulk_acts": offered(actor_of(request)),
        "content_acts": acts,
    }
    return render(request, "desk/cluster.html", context)


def _content(cluster: Cluster, life: CrisisOut, *, viewer: Viewer) -> ActedContent:
    """Return what the forms for acts on a cluster are filled in with."""
    live = [variant for variant in cluster.variants if variant.state is SignalState.LIVE]
    own = [variant.id for variant in live if variant.shared_by == viewer.name]
    return ActedContent(
        signals=tuple(variant.id for variant in live),
        own=tuple(own),
        crisis=life.id,
        exercise=life.exercise,
        url=next((variant.url for variant in live if variant.url), ""),
        labels=tuple(cluster.labels),
        language=cluster.languages[0] if len(cluster.languages) == 1 else "",
        sharers=tuple({variant.shared_by for variant in live}),
    )
