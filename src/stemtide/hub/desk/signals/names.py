# SPDX-License-Identifier: Apache-2.0
"""Names of content: the title that its sharer wrote, or one made of what is known of it."""

from collections.abc import Collection
from datetime import datetime

from django.utils.translation import gettext as _

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.desk import times
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.signals.reads.signals import SelectedSignal
from stemtide.protocol.enums import PartyKind

_URL_CHARS = 60


def content_name(
    *,
    title: str,
    kinds: Collection[str],
    url: str,
    since: datetime,
    lasts_ms: int | None,
    shared_by: str,
) -> str:
    """Return the name of a piece of content.

    title: "" if nobody wrote one. since: when it was first shared. lasts_ms: duration of a film or
    sound; None if it is not known. shared_by: the name of the party that shared it first.
    """
    if title:
        return title
    if url:
        return url if len(url) <= _URL_CHARS else f"{url[: _URL_CHARS - 1]}…"
    parts = [_noun(kinds) % {"when": times.of_minute(since)}]
    if lasts_ms:
        parts.append(times.span(lasts_ms / 1000))
    if country := _country(shared_by):
        parts.append(_("reported in %(country)s") % {"country": country})
    return ", ".join(parts)


def _country(name: str) -> str:
    """Return the country of an authority; "" for others: a provider may be anywhere."""
    for party in parties.parties():
        if party.name == name and party.kind == PartyKind.AUTHORITY:
            return party.country
    return ""


def signal_name(signal: SelectedSignal) -> str:
    """Return the name of a signal."""
    return content_name(
        title=signal.title,
        kinds=[signal.kind],
        url=signal.url,
        since=signal.shared_at,
        lasts_ms=signal.lasts_ms,
        shared_by=signal.shared_by,
    )


def _noun(kinds: Collection[str]) -> str:
    """Return the noun for the content of the fingerprints, with a place for its time."""
    if {Kind.VIDEO, Kind.GOP} & set(kinds):
        return _("Video of %(when)s")
    if Kind.PDQ in kinds:
        return _("Picture of %(when)s")
    if Kind.AUDIO in kinds:
        return _("Sound of %(when)s")
    if Kind.TEXT in kinds:
        return _("Text of %(when)s")
    return _("File of %(when)s")
