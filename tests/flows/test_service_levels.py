# SPDX-License-Identifier: Apache-2.0
"""Alerts about error budgets fire when a budget burns, and not before; promtool runs the rules."""

import json
import os
import subprocess

import pytest

from tests.flows import prometheus
from tests.flows.test_prometheus import RULES

pytestmark = pytest.mark.skipif(
    not prometheus.is_installed() and os.environ.get("STEMTIDE_REQUIRE_ALL") != "1",
    reason="Prometheus is not installed",
)

HUB = 'instance="hub:443"'
FEED = 'stemtide_requests_total{instance="hub:443",route="api/v1/feed",status="%s"}'
SHARE = 'route="api/v1/signals"'


def histogram(name, *, le, labels=""):
    """The series of a histogram of which so many a minute are fast, and 1,000 are counted."""
    return lambda fast: {
        f'{name}_bucket{{{HUB},{labels}le="{le}"}}': f"0+{fast}x600",
        f"{name}_count{{{HUB},{labels}}}": "0+1000x600",
    }


LEVELS = {
    "Feed": lambda good: {FEED % 200: f"0+{good}x600", FEED % 503: f"0+{1000 - good}x600"},
    "Wake": histogram("stemtide_wake_seconds", le="1.0"),
    "Share": histogram("stemtide_request_seconds", le="0.5", labels=f"{SHARE},"),
    "Notices": lambda good: {
        f'stemtide_oldest_waiting_seconds{{{HUB},queue="alerts"}}': "61x600"
        if good < 1000
        else "59x600"
    },
}


def fires(alert, series, tmp_path, *, minute):
    """Whether an alert fires at a minute, by `promtool test rules`."""
    rows = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": rows}
    test["alert_rule_test"] = [{"eval_time": f"{minute}m", "alertname": alert, "exp_alerts": []}]
    file = tmp_path / "test.yml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "tests": [test]}))
    words = ["promtool", "test", "rules", file]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0 or f"alertname: {alert}" in output, output
    return done.returncode != 0


@pytest.mark.parametrize("level", LEVELS)
def test_a_budget_that_burns_fast_pages_and_one_that_is_kept_does_not(level, tmp_path):
    bad, good = LEVELS[level](800), LEVELS[level](1000)
    for speed, minute in (("Fast", 120), ("Slow", 400)):
        alert = f"Stemtide{level}Budget{speed}"
        assert fires(alert, bad, tmp_path, minute=minute)
        assert not fires(alert, good, tmp_path, minute=minute)


def test_a_share_of_errors_within_the_budget_fires_nothing(tmp_path):
    series = LEVELS["Feed"](999)
    assert not fires("StemtideFeedBudgetFast", series, tmp_path, minute=120)
    assert not fires("StemtideFeedBudgetSlow", series, tmp_path, minute=400)
    between = LEVELS["Feed"](992)  # 8 times the budget: slow, and not fast
    assert not fires("StemtideFeedBudgetFast", between, tmp_path, minute=120)
    assert fires("StemtideFeedBudgetSlow", between, tmp_path, minute=400)


def test_what_goes_wrong_slowly_is_reported_in_time(tmp_path):
    for alert, series in {
        "StemtideSealExpires": {f'stemtide_certificate_days{{{HUB},seal="hub"}}': "29x10"},
        "StemtideBackupOld": {f"stemtide_backup_age_seconds{{{HUB}}}": "180000x10"},
        "StemtideClockOff": {f"stemtide_clock_offset_seconds{{{HUB}}}": "-3x10"},
        "StemtideTlsExpires": {f"stemtide_tls_certificate_days{{{HUB}}}": "13x10"},
        "StemtideStandbyBehind": {f"stemtide_standby_lag_bytes{{{HUB}}}": "17000000x10"},
        "StemtideStandbyAway": {
            f"stemtide_standbys_expected{{{HUB}}}": "1x10",
            f"stemtide_standbys_following{{{HUB}}}": "0x10",
        },
    }.items():
        assert fires(alert, series, tmp_path, minute=9), alert
        kept = {name: "31x10" if "days" in name else "1x10" for name in series}
        assert not fires(alert, kept, tmp_path, minute=9), alert
