# SPDX-License-Identifier: Apache-2.0
"""Erase STIX objects whose signals are erased."""

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q

from stemtide.hub.platform.exemptions import needs_no_entry, needs_no_lock
from stemtide.hub.rooms.stix.models import PatternPart, StixObject


@needs_no_entry("the purge, its caller, records itself")
@needs_no_lock("the purge, its caller, holds it")
def erase(pks: Collection[int]) -> None:
    """Erase the objects of signals, by primary key, and patterns of several that are all erased."""
    parts = PatternPart.objects.filter(signal__in=pks)
    others = PatternPart.objects.filter(stix_id=OuterRef("stix_id"), signal__erased_at=None)
    whole = parts.filter(~Exists(others)).values_list("stix_id", flat=True)
    StixObject.objects.filter(Q(signal__in=pks) | Q(stix_id__in=set(whole))).delete()
    parts.delete()
