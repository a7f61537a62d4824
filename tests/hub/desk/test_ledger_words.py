# SPDX-License-Identifier: Apache-2.0
"""Who acted, as pages name it: the hub is named even where the names of parties are withheld."""

import re
from pathlib import Path

import pytest
from django.utils import translation

from stemtide.hub.desk import ledger_sentences
from stemtide.hub.rooms.ledger.reads.ledger import WITHHELD, EntryRow

ROOT = Path(__file__).parents[3]
KIND = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \|", re.MULTILINE)
ROW = re.compile(r"^\| `([a-z_.]+)` \|.*\| scheduler \|$", re.MULTILINE)


def test_the_hub_is_named_for_what_its_scheduler_alone_records():
    table = (ROOT / "docs/understand/ledger.md").read_text("utf-8")
    assert set(ROW.findall(table)) == ledger_sentences.HUB_KINDS


def test_withheld_names_of_parties_stay_withheld(world):
    def who(kind):
        row = EntryRow(1, kind, WITHHELD, WITHHELD, {}, exercise=False, recorded_at=world.now)
        return ledger_sentences.as_sentences([row])[0].who

    assert who("alerts.raised") == "The hub"
    assert who("signal.withdrawn") == "Someone else"


@pytest.mark.parametrize("language", ["en", "nl", "fr", "de"])
def test_every_kind_of_entry_is_a_sentence_in_every_language(world, language):
    kinds = KIND.findall((ROOT / "docs/understand/ledger.md").read_text("utf-8"))
    rows = [
        EntryRow(1, kind, WITHHELD, WITHHELD, {}, exercise=False, recorded_at=world.now)
        for kind in kinds
    ]
    english = {line.kind: line.act for line in ledger_sentences.as_sentences(rows)}
    with translation.override(language):
        lines = ledger_sentences.as_sentences(rows)
    assert [line.kind for line in lines if line.act == line.kind] == []
    same = [line.act for line in lines if line.act == english[line.kind]]
    assert len(same) == (len(kinds) if language == "en" else 0), same
