# SPDX-License-Identifier: Apache-2.0
"""What the pages say of alerts is what the rules hold."""

from stemtide.hub.rooms.alerts.rules.alerts import AlertState
from tests.house import alerts


def test_the_table_of_alerts_is_what_raises_them():
    assert alerts.table() in alerts.USE.read_text("utf-8"), "python -m tests.house.alerts"


def test_the_diagram_of_a_delivery_is_what_its_rules_allow():
    assert alerts.diagram() in alerts.UNDERSTAND.read_text("utf-8"), "python -m tests.house.alerts"


def test_every_state_of_an_alert_is_explained():
    page = alerts.UNDERSTAND.read_text("utf-8")
    assert [state for state in AlertState if f"| `{state}` |" not in page] == []
