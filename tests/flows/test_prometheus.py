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
from tests.cli.conftest import run
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
    assert count == 33
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


def back_up(house):
    """Make a backup of the hub, so that it has an age."""
    folder = house.running.folder
    done = run(
        *("hub", "backup", folder.parent / "backups", "--keys", folder.parent / "keys"),
        *("--unencrypted", "--data-dir", folder),
    )
    assert done.code == 0, done.err


# What goes wrong, and the metrics of hub and agent that show it.
WATCHED = {
    "wake lag": ("stemtide_wake_seconds_bucket", "stemtide_agent_stale_s"),
    "stream count": ("stemtide_streams_open", "stemtide_agent_streaming"),
    "lock wait": ("stemtide_lock_wait_seconds_bucket",),
    "pool use": (
        *("stemtide_pool_in_use", "stemtide_pool_waiting", "stemtide_pool_size"),
        *("stemtide_agent_decoding", "stemtide_agent_decoders"),
    ),
    "queue age": (
        "stemtide_oldest_waiting_seconds",
        *("stemtide_agent_oldest_delivery_s", "stemtide_agent_oldest_outcome_s"),
    ),
    "disk": ("stemtide_disk_free_bytes", "stemtide_agent_disk_free_bytes"),
    "certificate days": ("stemtide_certificate_days",),
    "journal": ("stemtide_agent_journal_entries", "stemtide_agent_journal_waiting"),
    "backup age": ("stemtide_backup_age_seconds",),
    "clock offset": ("stemtide_agent_clock_offset_s",),
}


ELSEWHERE = ("stemtide_tls", "stemtide_standby")
"""Metrics of hubs with TLS and standbys, which tests/flows/test_two_hosts.py looks at."""


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

    back_up(house)

    def empty():
        return [
            panel["title"]
            for panel in panels()
            if not all(
                watch.query(target["expr"])
                for target in panel["targets"]
                if not target["expr"].startswith(ELSEWHERE)
            )
        ]

    until(lambda: not empty())
    assert empty() == []
    names = {name for metrics in WATCHED.values() for name in metrics}
    assert {name for name in names if not watch.query(name)} == set()
    for name, long, short in rules():
        watch.query(long or short)  # Prometheus knows each name and function
        assert name
    assert "StemtideAgentAway" not in watch.alerts()
    agent.stop()
    until(lambda: "StemtideAgentAway" in watch.alerts())
    house.hub.stop()
    until(lambda: "StemtideHubAway" in watch.alerts())
