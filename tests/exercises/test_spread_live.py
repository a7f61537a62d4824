# SPDX-License-Identifier: Apache-2.0
"""A spread through agents: their answers decide, each sample has its weight, no copy is lost."""

from dataclasses import replace

import pytest

from stemtide.exercises import pictures
from stemtide.exercises.play.content import ContentMaker
from stemtide.exercises.results import figures
from stemtide.exercises.results.record import RecordedEntry, RunRecord
from stemtide.exercises.spread.live import LiveSpread, SpreadOutcome, WeighedSample
from stemtide.exercises.spread.model import SpreadPlan
from stemtide.scenarios import reader
from stemtide.scenarios.schema import ContentKind, ScenarioContent

PROVIDERS = ("big", "small")
PLAN = SpreadPlan(services=40, agents=2, interest=300.0, altered=0.02)


def spread(ask, *, seed=1, sample=4, plan=PLAN, rounds=6):
    """A spread of an hour, with a sample every ten minutes."""
    run = LiveSpread(plan, seed, PROVIDERS[: plan.agents], sample, ask)
    for number in range(rounds):
        run.ask_agents(10 * number)
        run.run_until(10 * (number + 1), at_min=10 * (number + 1))
    return run


def all_matched(_provider, _variant):
    return True


def none_matched(_provider, _variant):
    return False


@pytest.mark.parametrize("ask", [all_matched, none_matched, lambda _, variant: variant % 2 == 0])
def test_every_upload_is_blocked_deleted_or_visible(ask):
    for point in spread(ask).points:
        assert point.uploads == point.stopped + point.deleted + point.visible
        assert point.stopped <= point.at_agents <= point.uploads


def test_what_agents_match_is_blocked_and_changes_the_spread():
    """Fewer visible copies cause fewer uploads; the same spread without agents is beside it."""
    plan = SpreadPlan(services=40, agents=2, interest=300.0, copied=0.02)
    last = spread(all_matched, plan=plan).points[-1]
    worst = spread(none_matched, plan=plan).points[-1]
    assert last.stopped == last.at_agents > 0
    assert worst.stopped == 0
    assert last.uploads < worst.uploads
    assert last.visible < last.visible_without


def test_an_agent_that_answers_later_finds_the_earlier_copies():
    answers = iter([False] * 3 * len(PROVIDERS))
    run = spread(lambda *_: next(answers, True), sample=1)
    before, after = run.points[2], run.points[3]
    assert before.stopped == 0
    assert after.visible < before.visible


def test_a_sample_stands_for_the_uploads_of_its_variant_until_the_next_one():
    run = spread(none_matched, sample=10_000)
    first = [sample for sample in run.samples if sample.at_min == 0]
    assert {(sample.provider, sample.variant) for sample in first} == {("big", 0), ("small", 0)}
    assert sum(sample.weight for sample in run.samples) <= run.points[-1].at_agents
    untouched = spread(none_matched, plan=SpreadPlan(services=40, agents=2, altered=0.0))
    assert sum(sample.weight for sample in untouched.samples) == untouched.points[-1].at_agents


def test_only_so_many_variants_are_asked_about_and_the_rest_match_as_often():
    asked = []

    def ask(provider, variant):
        asked.append((provider, variant))
        return variant == 0

    run = spread(ask, sample=3)
    assert len(asked) == len(run.samples) <= 3 * len(PROVIDERS) * 6
    originals = sum(sample.weight for sample in run.samples if sample.variant == 0)
    assert run.points[-1].stopped == originals  # of altered copies none that was asked matched


def test_a_seed_repeats_a_spread_and_another_does_not():
    assert spread(all_matched, seed=3).points == spread(all_matched, seed=3).points
    assert spread(all_matched, seed=3).points != spread(all_matched, seed=4).points


def test_an_altered_copy_is_another_file_and_the_same_for_its_number():
    content = {"still": ScenarioContent(kind=ContentKind.PICTURE, seed=2)}
    first, second = ContentMaker(content), ContentMaker(content)
    copies = [first.copy("still", number=number) for number in range(20)]
    assert copies == [second.copy("still", number=number) for number in range(20)]
    assert len(set(copies)) == 20
    assert copies[0] == first.file("still")
    assert pictures.altered(copies[0], "2/1") == copies[1]


def test_figures_of_a_spread_are_those_of_its_points_and_weights():
    scenario = reader.read("copies-over-a-thousand-services")
    samples = (
        WeighedSample(10, "big-videos", 0, 30, is_match=True),
        WeighedSample(10, "big-videos", 1, 10, is_match=False),
        WeighedSample(10, "old-forum", 0, 7, is_match=False),
    )
    points = tuple(spread(all_matched, plan=replace(PLAN, altered=0.0)).points)
    outcome = SpreadOutcome("picture-spreads", "still", 40, ("big-videos",), points, samples)
    entry = RecordedEntry(4, "outcomes.reported", "big-videos", "report:1", {}, 10)
    record = RunRecord(scenario, (entry,), spread=outcome)
    assert figures.compute("spread_blocked", record).value == 100
    of_big = figures.compute("spread_blocked", record, party="big-videos")
    assert (of_big.value, of_big.entries) == (75, (4,))
    assert figures.compute("spread_blocked", record, party="old-forum").value == 0
    spared = figures.compute("copy_hours_spared", record).value
    last = points[-1]
    assert spared == round(100 * (1 - last.visible_min / last.visible_min_without), 1) > 0
