# SPDX-License-Identifier: Apache-2.0
import re
import tomllib
from pathlib import Path

from stemtide.interop.vocabulary import parse_tags
from stemtide.protocol.labels import labels
from stemtide.protocol.shared_words import shared_words, words_of

STATEMENTS = Path("src/stemtide/protocol/law/dsa/statements.toml")
PAGE = Path("docs/understand/exchanges.md")


def test_each_label_that_is_stored_has_a_row_and_a_refused_one_has_none():
    stored = {name for name, label in labels().items() if label.refuse_to is None}
    assert set(shared_words().labels) == stored


def test_each_word_of_the_dsa_is_a_keyword_of_its_database():
    keywords = tomllib.loads(STATEMENTS.read_text("utf-8"))["enums"]["keyword"]
    known = {f"{keywords['prefix']}{value}" for value in keywords["values"]}
    used = {word for row in shared_words().labels.values() for word in row.get("dsa", ())}
    assert used
    assert used <= known


def test_tvec_3_and_4_are_the_only_ones_without_a_label():
    rows = [*shared_words().labels.values(), *shared_words().provenances.values()]
    used = {word for row in rows for word in row.get("tvec", ())}
    whole = {f"TVEC{number}" for number in range(1, 9)} | {"TVEC.01"}
    assert whole - used == {"TVEC3", "TVEC4"}
    assert used <= whole


def test_words_are_those_of_all_labels_once_and_of_who_made_the_content():
    several = ["livestream", "manifesto", "incitement"]
    words = words_of(several, provenance="perpetrator")
    assert words["tvec"] == ["TVEC1", "TVEC8"]
    assert words_of(several, provenance="media")["tvec"] == ["TVEC.01"]
    assert words["gifct"] == ["Perpetrator content", "Attacker manifesto"]
    assert "tvec" not in words_of(["graphic-violence"], provenance="victim")


def test_words_of_others_are_not_read():
    tags = ['stemtide:tvec="TVEC7"', 'stemtide:gifct="Glorification of terrorist acts"']
    assert "labels" not in parse_tags(tags).facts
    assert parse_tags([*tags, 'stemtide:label="manifesto"']).facts["labels"] == ("manifesto",)


def test_the_table_of_the_documentation_is_that_of_the_file():
    section = PAGE.read_text("utf-8").split("## Words of others that we write")[1].split("## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    documented = {}
    for names, *cells in rows:
        for name in re.findall("`([^`]+)`", names):
            documented[name] = [cell.strip().replace("`", "") for cell in cells]
    table = {
        name: [
            ", ".join(row.get(vocabulary, ())) or "none" for vocabulary in ("tvec", "gifct", "dsa")
        ]
        for name, row in shared_words().labels.items()
    }
    assert documented == table
