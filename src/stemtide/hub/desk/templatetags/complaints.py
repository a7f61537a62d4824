# SPDX-License-Identifier: Apache-2.0
"""Template tag for complaints about a signal, referral or order."""

from uuid import UUID

from django import template
from django.template import Context

from stemtide.hub.desk.auth.people import actor_of
from stemtide.hub.platform.permissions import allows, check_may_read_complaints
from stemtide.hub.rooms.complaints.reads import complaints as reads
from stemtide.hub.rooms.complaints.rules import complaints as rules
from stemtide.protocol.enums import PartyKind

register = template.Library()


@register.inclusion_tag("desk/complaints/_about.html", takes_context=True)
def complaints_about(context: Context, uid: UUID, basis: str) -> dict[str, object]:
    """Return a provider's complaints about a signal, referral or order, and if it may file one."""
    by = actor_of(context["request"])
    is_reader = by.kind is PartyKind.PROVIDER and allows(check_may_read_complaints, by.role)
    return {
        "is_reader": is_reader,
        "rows": reads.of_ground(uid, viewer=by.party) if is_reader else [],
        "may_file": allows(rules.check_link, kind=by.kind, role=by.role),
        "uid": uid,
        "basis": basis,
        "now": context["now"],
    }
