# SPDX-License-Identifier: Apache-2.0
from importlib.resources import files

import pytest

from stemtide.protocol.enums import TriageOutcome
from stemtide.protocol.law import neighbours, triage

USUAL, MONITOR, ACTIVATE = TriageOutcome.AS_USUAL, TriageOutcome.MONITOR, TriageOutcome.ACTIVATE


@pytest.mark.parametrize(
    ("harm", "virality", "expected"),
    [
        (0, 0, USUAL),
        (0, 3, USUAL),
        (0, 4, MONITOR),
        (1, 2, MONITOR),
        (2, 3, MONITOR),
        (2, 4, ACTIVATE),
        (3, 2, MONITOR),
        (3, 3, ACTIVATE),
        (4, 0, MONITOR),
        (4, 2, MONITOR),
        (4, 3, ACTIVATE),
        (4, 4, ACTIVATE),
    ],
)
def test_harm_and_virality_say_what_a_warning_needs(harm, virality, expected):
    matrix = triage.triages()["harm-virality-1"]
    assert matrix.rate(harm=harm, virality=virality) is expected


def test_an_explanation_names_the_cell_and_what_follows():
    told = triage.triages()["harm-virality-1"].explain(harm=3, virality=1)
    assert told == (
        "Harm 3 (people killed or about to be, not shown in the content) and virality 1 (a few"
        " copies on one service): this cell of the matrix harm-virality-1 says monitor. Watch it"
        " more closely and rate it again when it changes."
    )


@pytest.mark.parametrize(("harm", "virality", "axis"), [(5, 0, "harm"), (0, -1, "virality")])
def test_a_level_that_there_is_not_is_named(harm, virality, axis):
    with pytest.raises(triage.TriageError, match=f"{axis}: goes from 0 to 4"):
        triage.triages()["harm-virality-1"].rate(harm=harm, virality=virality)


def text(name):
    return files("stemtide.protocol.law").joinpath(name).read_text("utf-8")


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('"monitor", "activate"],', '"monitor", "panic"],', "matrix"),
        ('["as_usual", "as_usual", "as_usual", "as_usual", "monitor"],\n', "", "has 4 rows for 5"),
        ('"as_usual", "as_usual", "monitor"],', '"as_usual", "monitor"],', "not a full row"),
        ('["monitor", "monitor", "monitor",', '["monitor", "as_usual", "monitor",', "is milder"),
        ('activate = "Answer the checklist', 'monitored = "Answer the checklist', "because"),
    ],
)
def test_a_fault_in_a_matrix_is_caught_at_load_and_named(right, wrong, message):
    broken = text("triage.toml").replace(right, wrong, 1)
    assert broken != text("triage.toml")
    with pytest.raises(triage.TriageError, match=f"triage.toml, harm-virality-1: .*{message}"):
        triage._read(broken)


def test_an_outcome_without_its_meaning_is_caught_at_load():
    broken = "\n".join(
        line for line in text("triage.toml").splitlines() if not line.startswith("monitor =")
    )
    with pytest.raises(triage.TriageError, match="says nothing of monitor"):
        triage._read(broken)


def test_mechanisms_are_named_with_their_versions_and_types():
    found = neighbours.mechanisms()
    assert found["gifct", "2021"].types == (
        *("content-incident-protocol", "content-incident", "incident"),
    )
    assert "perpetrator-content-incident" in found["gifct", "2025"].types
    assert not found["gifct", "2025"].is_complete
    assert {"christchurch-call", "national", "dsa"} <= {name for name, _ in found}


def test_a_fault_in_the_list_of_mechanisms_is_caught_at_load_and_named():
    broken = text("neighbours.toml").replace('title = "GIFCT incident response, until 2025"\n', "")
    told = pytest.raises(neighbours.NeighbourDataError, match=r"neighbours.toml, gifct.2021: title")
    with told:
        neighbours._read(broken)
