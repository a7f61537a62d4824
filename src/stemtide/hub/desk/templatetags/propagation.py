# SPDX-License-Identifier: Apache-2.0
"""Template filters of the pages about propagation."""

from datetime import datetime

from django import template
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy

from stemtide.hub.desk.templatetags.desk import exact
from stemtide.hub.rooms.propagation.rules import SETTLED
from stemtide.protocol.enums.propagation import PropagationStage

register = template.Library()

_STAGES = {
    PropagationStage.DELIVERED: gettext_lazy("Delivered"),
    PropagationStage.APPLIED: gettext_lazy("Applied"),
    PropagationStage.MATCHED: gettext_lazy("First match"),
    PropagationStage.ACTED: gettext_lazy("First block or hold"),
    PropagationStage.WITHDRAWN: gettext_lazy("Withdrawal applied"),
    PropagationStage.RELEASED: gettext_lazy("First release"),
}


@register.filter
def stage_name(stage: PropagationStage) -> str:
    """Return the name of a stage."""
    return str(_STAGES[stage])


@register.filter
def took(seconds: float | None) -> str:
    """Format a time in seconds, of one that is known."""
    return _("not known") if seconds is None else f"{number_format(seconds, 2)} s"


@register.filter
def took_at_most(seconds: float | None) -> str:
    """Format a time in seconds; None is more than what counts as late."""
    if seconds is None:
        return _("over %(minutes)s min") % {"minutes": int(SETTLED.total_seconds() // 60)}
    return took(seconds)


@register.filter
def exact_if_known(at: datetime | None) -> str | SafeString:
    """Return a time to the second, if it is known."""
    return _("not known") if at is None else exact(at)


@register.filter
def exact_or_not_yet(at: datetime | None) -> str | SafeString:
    """Return a time to the second of what a party reports, once it does."""
    return _("not yet") if at is None else exact(at)
