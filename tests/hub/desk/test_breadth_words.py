# SPDX-License-Identifier: Apache-2.0
"""What the flood guard found, in the reader's language."""

from django.utils import translation

from stemtide.hub.desk.labels.breadth import SORTS, TEXTS, translated_note
from stemtide.hub.rooms.signals.rules.breadth import NOTES
from stemtide.matching.common.content import common_set


def test_the_desk_has_every_reason_and_every_sort_in_words():
    with translation.override("en"):
        assert {reason: str(text) for reason, text in TEXTS.items()} == NOTES
    assert set(SORTS) == {*common_set().sorts, *common_set().sound_sorts}


def test_a_note_is_translated_reason_by_reason():
    note = "14 of 4,650 common pictures and screens lie near it (sign-in form, flag); 50 bits"
    with translation.override("de"):
        translated = translated_note(note)
    assert translated == (
        "14 von 4,650 gängigen Bildern und Bildschirmen liegen nahe daran"
        " (Anmeldeformular, Flagge); 50 bits"
    )
