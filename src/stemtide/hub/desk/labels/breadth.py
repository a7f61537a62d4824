# SPDX-License-Identifier: Apache-2.0
"""What the flood guard found of a signal, in the reader's language."""

import re
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.hub.rooms.signals.rules.breadth import NOTES, BreadthReason

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

TEXTS: "dict[BreadthReason, str | _StrPromise]" = {
    BreadthReason.COMMON_PICTURE: _(
        "{matches} of {pictures} common pictures and screens lie near it ({sorts})"
    ),
    BreadthReason.PLAIN_PICTURE: _("it is as simple as stripes, and many pictures lie near such"),
    BreadthReason.COMMON_FRAMES: _("{share} % of its frames are common or plain pictures"),
    BreadthReason.COMMON_SOUND: _("{share} % of what is heard is a common sound ({sorts})"),
    BreadthReason.COMMON_TEXT: _("{share} % of its passages are in common texts"),
    BreadthReason.COMMON_FILE: _("it is a file that programs write ({sorts})"),
    BreadthReason.UNLIKE_CONTENTS: _("it matches {contents} unlike contents that others share"),
    BreadthReason.LOWERED_BEFORE: _(
        "a signal of this value matched too much and was lowered to hold"
    ),
}
"""The reasons, as in NOTES."""

SORTS: "dict[str, str | _StrPromise]" = {
    "gradient": _("gradient"),
    "logo on one colour": _("logo on one colour"),
    "page of text": _("page of text"),
    "news banner": _("news banner"),
    "error page": _("error page"),
    "chat": _("chat"),
    "QR code": _("QR code"),
    "caption on one colour": _("caption on one colour"),
    "placeholder for a person": _("placeholder for a person"),
    "meme with words": _("meme with words"),
    "map": _("map"),
    "chart": _("chart"),
    "test card": _("test card"),
    "window or form": _("window or form"),
    "slide": _("slide"),
    "table": _("table"),
    "film that is missing": _("film that is missing"),
    "pattern": _("pattern"),
    "horizon": _("horizon"),
    "light that falls off": _("light that falls off"),
    "flag": _("flag"),
    "paused film": _("paused film"),
    "placeholder for a picture": _("placeholder for a picture"),
    "saying": _("saying"),
    "news studio": _("news studio"),
    "sports field with a score": _("sports field with a score"),
    "blurred lights": _("blurred lights"),
    "clock": _("clock"),
    "sign-in form": _("sign-in form"),
    "ring tone": _("ring tone"),
    "siren": _("siren"),
    "telephone tone": _("telephone tone"),
    "beat": _("beat"),
    "noise": _("noise"),
    "alarm": _("alarm"),
}
"""The sorts of common pictures and sounds. Files keep their names."""

_PATTERNS = {
    reason: re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(note)))
    for reason, note in NOTES.items()
}


def translated_note(note: str) -> str:
    """Translate the note of a broad signal, reason by reason."""
    return "; ".join(_translated(part) for part in note.split("; "))


def _translated(part: str) -> str:
    """Translate one reason. Texts of older releases, not in NOTES, stay English."""
    for reason, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(part):
            facts = match.groupdict()
            if "sorts" in facts:
                facts["sorts"] = ", ".join(str(SORTS.get(s, s)) for s in facts["sorts"].split(", "))
            return str(TEXTS[reason]).format(**facts)
    return part
