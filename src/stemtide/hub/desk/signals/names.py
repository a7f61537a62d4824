# SPDX-License-Identifier: Apache-2.0
"""Names of content: the title that its sharer wrote, or one made of its kind and time."""

from collections.abc import Collection
from datetime import datetime

from django.utils.translation import gettext as _

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.desk import times

_URL_CHARS = 60


def content_name(*, title: str, kinds: Collection[str], url: str, since: datetime) -> str:
    """Return the name of a piece of content.

    title: "" if nobody wrote one. since: when it was first shared.
    """
    if title:
        return title
    if url:
        return url if len(url) <= _URL_CHARS else f"{url[: _URL_CHARS - 1]}…"
    return _noun(kinds) % {"when": times.of_minute(since)}


def _noun(kinds: Collection[str]) -> str:
    """Return what kind of content the fingerprints are of, with a place for its time."""
    if {Kind.VIDEO, Kind.GOP} & set(kinds):
        return _("Video of %(when)s")
    if Kind.PDQ in kinds:
        return _("Picture of %(when)s")
    if Kind.AUDIO in kinds:
        return _("Sound of %(when)s")
    if Kind.TEXT in kinds:
        return _("Text of %(when)s")
    return _("File of %(when)s")
