# SPDX-License-Identifier: Apache-2.0
"""Why a signal waits, and what was found of it, in the reader's language."""

import pytest
from django.utils import translation

from stemtide.hub.desk.labels.approvals import (
    AT_ONCE_TEXT,
    NOTE_TEXTS,
    translated_note,
    translated_reason,
)
from stemtide.hub.rooms.approvals.rules import AT_ONCE, NOTES
from stemtide.protocol.trust.second_look import WaitReason, second_look


def test_the_desk_has_every_note_in_words():
    with translation.override("en"):
        assert {reason: str(text) for reason, text in NOTE_TEXTS.items()} == NOTES
        assert str(AT_ONCE_TEXT) == AT_ONCE


def test_what_people_wrote_in_a_note_stays_as_it_is():
    note = "evening news (8 pm) (source: broadcasters (EU); added by Unit: two)"
    with translation.override("de"):
        assert translated_note(note, WaitReason.ALLOW_LISTED) == (
            "evening news (8 pm) (Quelle: broadcasters (EU); eingetragen von Unit: two)"
        )


@pytest.mark.parametrize("language", ["nl", "fr", "de"])
def test_why_a_signal_waits_is_translated_with_its_note(language):
    why = second_look().rules[WaitReason.MANY_A_DAY].why
    with translation.override(language):
        words = translated_reason(f"{why}: {NOTES[WaitReason.MANY_A_DAY].format(most='1,000')}")
        assert why not in words
        assert "1,000" in words
        assert "are the most" not in words
