# SPDX-License-Identifier: Apache-2.0
"""The commands for the propagation of signals, against a real hub on loopback."""

import csv
import io

from tests.cli.test_room import say

AGENCY = "eu-referral-unit"


def test_the_propagation_of_a_signal_and_of_days_is_printed(hub):
    facts = {"labels": ["livestream"], "severity": "high", "tlp": "green"}
    with hub.client() as client:
        body = {"kind": "sha256", "value": "cf" * 32, **facts}
        uid = client.post("/api/v1/signals", json=body).json()["id"]
        status = {"version": "1", "position": 10**6, "signals": 1}
        started = {"started_at": "2026-11-24T00:00:00+00:00"}
        client.put("/api/v1/agents/cli", json=status | started).raise_for_status()
    shown = say(hub, "propagation", "signal", uid, party=AGENCY).out
    assert "applied" in shown
    assert "cli" in shown
    (found,) = say(hub, "propagation", "signal", uid, "--json", party=AGENCY).rows
    assert found["signal"] == uid
    table = say(hub, "propagation", "signal", uid, "--csv", party=AGENCY).out
    assert {row["agent"] for row in csv.DictReader(io.StringIO(table))} >= {"cli"}
    assert "Nothing was shared" in say(hub, "propagation", "days", party=AGENCY).err
    refused = say(hub, "propagation", "days", "--json", "--csv", party=AGENCY, code=2)
    assert "either --json or --csv" in refused.err
