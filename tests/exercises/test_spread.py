# SPDX-License-Identifier: Apache-2.0
"""The model of spread: it loses no copy, repeats itself, and gives the published figures."""

import json
import xml.etree.ElementTree as ET

import pytest

from stemtide.exercises.spread import chart, comparison
from stemtide.exercises.spread.model import Spread, SpreadPlan, service_shares
from tests.cli.conftest import run

SMALL = {"services": 20, "hours": 6, "interest": 30.0}


def curve(seed=1, **plan):
    return Spread(SpreadPlan(**(SMALL | plan)), seed).run()


@pytest.mark.parametrize("agents", [0, 1, 5, 20])
def test_every_upload_is_blocked_deleted_or_visible(agents):
    for hour in curve(agents=agents, altered=0.05):
        assert hour.uploads == hour.blocked + hour.deleted + hour.visible
        assert hour.largest_blocked <= hour.blocked
        assert hour.largest_deleted <= hour.deleted


def test_a_seed_repeats_a_run_and_another_does_not():
    assert curve(seed=3) == curve(seed=3)
    assert curve(seed=3) != curve(seed=4)


def test_without_agents_nothing_is_blocked_and_no_variant_is_known():
    last = curve(agents=0)[-1]
    assert (last.blocked, last.variants) == (0, 0)


def test_nothing_is_blocked_before_the_first_signal_can_travel():
    hours = curve(agents=5, first_signal=180)
    assert [hour.blocked for hour in hours[:3]] == [0, 0, 0]
    assert hours[-1].blocked > 0


def test_what_agents_block_changes_the_spread():
    """Fewer visible copies cause fewer uploads."""
    plan = {"agents": 10, "match_rate": 1.0, "copied": 0.02}
    assert curve(**plan)[-1].uploads < curve(**(plan | {"agents": 0}))[-1].uploads


@pytest.mark.parametrize("services", [1, 2, 1000])
def test_the_shares_of_services_add_up_and_fall(services):
    shares = service_shares(SpreadPlan(services=services))
    assert shares.sum() == pytest.approx(1)
    assert sorted(shares, reverse=True) == list(shares)


def test_the_default_run_gives_the_published_figures():
    last = Spread(SpreadPlan(), seed=1).run()[-1]
    assert last.largest_blocked + last.largest_deleted == pytest.approx(1_500_000, rel=0.02)
    assert last.largest_blocked == pytest.approx(1_200_000, rel=0.02)
    assert last.variants == pytest.approx(800, rel=0.05)


@pytest.mark.parametrize(
    ("most", "step"), [(0.1, 0.1), (4, 1), (4.1, 2), (9, 2.5), (450_000, 200_000), (1.6e6, 5e5)]
)
def test_an_axis_has_round_steps_that_hold_the_highest_value(most, step):
    assert chart.nice_step(most) == pytest.approx(max(step, 1))


@pytest.mark.nightly
def test_the_picture_has_a_line_for_each_curve_and_says_what_is_published():
    result = comparison.compare(SpreadPlan(), seed=1)
    root = ET.fromstring(comparison.picture(result))  # noqa: S314  # our own text
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    texts = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert [len(line.get("points", "").split()) for line in lines] == [25] * 4
    assert {"without agents", "with agents", "published: 1.5 million"} <= texts


def test_the_command_prints_both_curves_and_refuses_more_agents_than_services():
    done = run("exercise", "spread", "--services", 5, "--agents", 2, "--hours", 2, "--json")
    result = json.loads(done.out)
    assert result["exercise"] is True
    assert [len(result[name]) for name in ("with_agents", "without")] == [2, 2]
    refused = run("exercise", "spread", "--services", 5, "--agents", 6)
    assert (refused.code, refused.out) == (2, "")
    assert "--agents 6 are more than --services 5" in refused.err
