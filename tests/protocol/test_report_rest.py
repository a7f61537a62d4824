# SPDX-License-Identifier: Apache-2.0
"""How long an agent rests after a report of its status."""

import pytest

from stemtide.protocol.sync.agents import rest_after_report_s


@pytest.mark.parametrize(
    ("took_s", "asked_s", "before_s", "expected_s"),
    [
        (0.0, 0.0, 0.0, 0.0),
        (0.25, 0.0, 0.0, 2.5),
        (0.25, 0.0, 4.0, 2.5),
        (0.0, 0.0, 4.0, 2.0),
        (0.0, 3.0, 4.0, 3.0),
        (5.0, 0.0, 0.0, 8.0),
        (60.0, 0.0, 8.0, 8.0),
        (0.0, 60.0, 0.0, 8.0),
    ],
)
def test_an_agent_rests_longer_after_a_slow_report_and_never_misses_a_regular_one(
    took_s, asked_s, before_s, expected_s
):
    rest_s = rest_after_report_s(took_s, asked_s=asked_s, before_s=before_s, most_s=8.0)
    assert rest_s == expected_s
