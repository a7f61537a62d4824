# SPDX-License-Identifier: Apache-2.0
"""What tags of others say, and that the page of the documentation says the same."""

from pathlib import Path
from uuid import uuid4

import pytest

from stemtide.interop import vocabulary as table
from stemtide.interop.exchanges import RecordOutcome
from stemtide.interop.vocabulary import RefusedTagError, parse_tags

PAGE = Path(__file__).parents[3] / "docs/understand/exchanges.md"


def rows(first):
    """The rows of the table of the page that begins so."""
    lines = PAGE.read_text("utf-8").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {first} |"))
    found = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            return found
        word, meaning = [cell.strip() for cell in line.strip("|").split("|")]
        found[word.strip("`")] = meaning
    return found


def test_the_page_has_the_words_that_the_code_knows():
    told = {**{word: f"label `{label}`" for word, label in table.LABEL_OF.items()}}
    told |= {word: f"confidence {number}" for word, number in table.CONFIDENCE_OF.items()}
    told |= dict.fromkeys(table.DISPUTED_BY, "disputed") | dict.fromkeys(
        table.EXERCISE_BY, "exercise"
    )
    told |= {"tlp:white": "TLP:CLEAR"}
    told |= {f"{one}:…": "refused, and named with its channel" for one in table.REFUSED_SPACES}
    assert rows("their word") == told


def test_the_page_has_every_fate_of_a_record():
    assert set(rows("a record is")) == set(RecordOutcome)


@pytest.mark.parametrize(
    ("tags", "facts"),
    [
        (
            ["label:livestream", "severity:critical", "tlp:green"],
            {"tlp": "green", "severity": "critical", "labels": ("livestream",)},
        ),
        (['stemtide:label="manifesto"', "PAP:AMBER"], {"labels": ("manifesto",), "pap": "amber"}),
        (["tlp:amber+strict", "tlp:clear"], {"tlp": "amber+strict"}),
        (["tlp:white"], {"tlp": "clear"}),
        (["confidence:101", "severity:worst", "label:unknown", "x", "", 'a:b="c"'], {}),
        ([None, 7, ["label:livestream"]], {}),
    ],
    ids=["colons", "machine", "strictest", "white", "unknown", "no-texts"],
)
def test_tags_say_what_they_say_and_nothing_is_guessed(tags, facts):
    assert parse_tags(tags).facts == facts


def test_the_way_ends_with_the_hub_that_told_us():
    first, last, signal = (str(uuid4()) for _ in range(3))
    found = parse_tags([f"hub:{last}", f'stemtide:via="{first}"', f"signal:{signal}", "via:x"])
    assert found.via == [first, last]
    assert [str(one) for one in found.signals] == [signal]


@pytest.mark.parametrize("tag", ["csam", "label:CSAM", 'x:y="child abuse"', "copine-scale:level-1"])
def test_child_abuse_is_refused_however_it_is_written(tag):
    with pytest.raises(RefusedTagError, match="INHOPE"):
        parse_tags(["label:livestream", tag])


def test_disputes_and_exercises_are_seen():
    assert parse_tags(['false-positive:confirmed="true"']).is_disputed
    assert parse_tags(['stemtide:exercise="yes"']).is_exercise
