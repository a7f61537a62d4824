# SPDX-License-Identifier: Apache-2.0
"""The files in deploy/ for Prometheus and Grafana, tried with a real Prometheus."""

import json
import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from stemtide.exercises import cast
from tests.agent.world import sha256
from tests.flows import prometheus
from tests.flows.conftest import House, row, until
from tests.flows.prometheus import Prometheus

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/stemtide-alerts.yml"
DASHBOARD = DEPLOY / "grafana/stemtide.json"

pytestmark = pytest.mark.skipif(
    not prometheus.is_installed() and os.environ.get("STEMTIDE_REQUIRE_ALL") != "1",
    reason="Prometheus is not installed",
)


def panels():
    return json.loads(DASHBOARD.read_text("utf-8"))["panels"]


def rules():
    """The names and expressions of the alerts, as promtool reads them."""
    text = RULES.read_text("utf-8")
    return re.findall(r"- alert: (\w+)\n\s+expr: (?:>-\n((?:\s{10}.*\n)+)|(.*)\n)", text)


def test_promtool_takes_the_files():
    rules_checked = ["promtool", "check", "rules", RULES]
    config = ["promtool", "check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yml"]
    for words in (rules_checked, config):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_says_what_to_do():
    text = RULES.read_text("utf-8")
    count = text.count("- alert: ")
    assert count == 24
    assert text.count("remedy: ") == text.count("summary: ") == text.count("severity: ") == count


@pytest.fixture
def watched(tmp_path):
    """A house with an agent, and the Prometheus that watches both."""
    house = House(tmp_path / "house")
    agent = house.agent()
    key = house.keys[cast.AUTHORITY]
    targets = [("stemtide-hub", house.hub.address, key), ("stemtide-agent", agent.address, "")]
    watch = Prometheus(tmp_path / "prometheus", targets, rules=RULES)
    try:
        until(lambda: watch.is_up(2))
        yield house, agent, watch
    finally:
        watch.stop()
        house.close()


@pytest.mark.nightly
def test_each_query_of_the_dashboard_has_rows_and_alerts_fire_on_what_is_wrong(watched):
    house, agent, watch = watched
    content = b"a film"
    shared = house.authority.post(
        "/api/v1/signals",
        json=row(sha256(content)),
    )
    assert shared.status_code == 201, shared.text
    answer = httpx.post(f"{agent.address}/match", files={"file": ("f", content)}, timeout=60)
    assert answer.status_code == 200

    def empty():
        return [
            panel["title"] for panel in panels() if not watch.query(panel["targets"][0]["expr"])
        ]

    until(lambda: not empty())
    assert empty() == []
    for name, long, short in rules():
        watch.query(long or short)  # Prometheus knows each name and function
        assert name
    assert "StemtideAgentAway" not in watch.alerts()
    agent.stop()
    until(lambda: "StemtideAgentAway" in watch.alerts())
    house.hub.stop()
    until(lambda: "StemtideHubAway" in watch.alerts())
