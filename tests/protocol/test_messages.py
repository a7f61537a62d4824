# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import TypeAdapter, ValidationError

from stemtide.protocol.enums import OUTCOME_OF, Action, Severity
from stemtide.protocol.problems import TITLES, ProblemType, problem
from stemtide.protocol.sync.agents import OutcomeReportIn, OutcomeRow
from stemtide.protocol.sync.feed import FeedEntry, FeedSignal, Tombstone

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def row(**changed):
    facts = {
        "signal": uuid4(),
        "outcome": "blocked",
        "count": 1,
        "first_at": NOON,
        "last_at": NOON,
    }
    return OutcomeRow.model_validate(facts | changed)


def test_an_outcome_ends_after_it_began():
    assert row(last_at=NOON + timedelta(seconds=1)).count == 1
    with pytest.raises(ValidationError, match="before first_at"):
        row(last_at=NOON - timedelta(seconds=1))


@pytest.mark.parametrize("changed", [{"count": 0}, {"outcome": "burnt"}, {"user": "x"}])
def test_an_outcome_is_a_count_and_nothing_about_a_user(changed):
    with pytest.raises(ValidationError):
        row(**changed)


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 64])
def test_an_agent_has_a_plain_name(name):
    with pytest.raises(ValidationError):
        OutcomeReportIn(report=uuid4(), agent=name, rows=(row(),))


def test_an_old_agent_reads_a_new_hubs_feed():
    entries = TypeAdapter(FeedEntry)
    gone = {"op": "drop", "position": 3, "id": str(uuid4()), "state": "withdrawn", "new": 1}
    assert isinstance(entries.validate_python(gone), Tombstone)
    with pytest.raises(ValidationError, match="op"):
        entries.validate_python(gone | {"op": "shuffle"})


def test_a_feed_signal_survives_the_wire():
    made = FeedSignal(
        position=1,
        id=uuid4(),
        kind="pdq",
        value="00" * 32,
        quality=100,
        within_bits=None,
        content=None,
        labels=["manifesto"],
        severity="high",
        provenance="unknown",
        confidence=80,
        tlp="amber",
        pap="green",
        disputed=False,
        crisis=None,
        exercise=False,
        shared_by="be-crisis-centre",
        shared_at=NOON,
        expires_at=None,
    )
    assert TypeAdapter(FeedEntry).validate_json(made.model_dump_json()) == made


def test_every_problem_has_a_status_and_a_title():
    assert set(TITLES) == set(ProblemType)
    made = problem(ProblemType.NOT_FOUND, "there is no crisis 7: list them")
    assert (made.status, made.type, made.errors) == (404, "/problems/not-found", [])


def test_actions_and_severities_have_an_order():
    assert [one.rank for one in (Action.LOG, Action.HOLD, Action.BLOCK)] == [0, 1, 2]
    assert Severity.CRITICAL.rank > Severity.HIGH.rank > Severity.MEDIUM.rank > Severity.LOW.rank
    assert set(OUTCOME_OF) == set(Action)
