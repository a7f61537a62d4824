# SPDX-License-Identifier: Apache-2.0
"""Labels and colours for acts that wait for a second look, and the notes of their signals."""

import re
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.hub.desk.labels import breadth
from stemtide.hub.rooms.approvals.rules import AT_ONCE, NOTES
from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason, Who, second_look

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "approval": {
        ApprovalState.WAITING: _("waits"),
        ApprovalState.APPROVED: _("approved"),
        ApprovalState.REFUSED: _("refused"),
        ApprovalState.TAKEN_BACK: _("withdrawn"),
        ApprovalState.EXPIRED: _("expired"),
    },
    "approval-act": {
        WaitingAct.SHARE: _("Share signals"),
        WaitingAct.WITHDRAW: _("Withdraw signals"),
        WaitingAct.DISPUTE: _("Dispute signals"),
        WaitingAct.ORDER: _("Issue a removal order"),
    },
    "approval-reason": {reason: _(second_look().rules[reason].why) for reason in WaitReason},
    "approval-who": {
        Who.PERSON: _("another person of the party that asked"),
        Who.PARTY: _("a person of an authority or agency of another group"),
        Who.AGENCY: _("another person, of an agency"),
        Who.STATE: _("a person of another authority of the same Member State"),
    },
}

TONES: dict[str, dict[str, str]] = {
    "approval": {
        ApprovalState.WAITING: "warn",
        ApprovalState.APPROVED: "good",
        ApprovalState.REFUSED: "bad",
    },
}

NOTE_TEXTS: "dict[WaitReason, str | _StrPromise]" = {
    WaitReason.ALLOW_LISTED: _("{reason} (source: {source}; added by {by})"),
    WaitReason.MANY_A_DAY: _("{most} are the most"),
}
"""The notes, as in NOTES."""

AT_ONCE_TEXT = _("it travels now, and ends in {hours} hours unless somebody confirms it")
"""As AT_ONCE."""


def _pattern(text: str) -> re.Pattern[str]:
    """Return the pattern of a text with its facts."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(text)), re.DOTALL)


_PATTERNS = {reason: _pattern(note) for reason, note in NOTES.items()}
_AT_ONCE_PATTERN = _pattern(AT_ONCE)


def translated_note(note: str, reason: str) -> str:
    """Translate what was found of a signal that waits. Other texts than NOTES stay English."""
    if reason == WaitReason.BROAD:
        return breadth.translated_note(note)
    for noted, pattern in _PATTERNS.items():
        if noted == reason and (match := pattern.fullmatch(note)):
            return str(NOTE_TEXTS[noted]).format(**match.groupdict())
    return note


def translated_reason(words: str) -> str:
    """Translate why a signal waits, with what was found of it."""
    for reason, rule in second_look().rules.items():
        why, _separator, note = words.partition(": ")
        if why == rule.why:
            text = str(LABELS["approval-reason"][reason])
            return f"{text}: {translated_note(note, reason)}" if note else text
    if match := _AT_ONCE_PATTERN.fullmatch(words):
        return str(AT_ONCE_TEXT).format(**match.groupdict())
    return words
