# SPDX-License-Identifier: Apache-2.0
"""The command that lists final orders, against a real hub on loopback."""

import pytest

from tests.cli.test_room import say


@pytest.mark.nightly
def test_a_party_without_final_orders_is_told_so(hub, newcomer):
    said = say(hub, "order", "final", party=newcomer)
    assert (said.out, said.err.strip()) == ("", "No final orders.")
    assert say(hub, "order", "final", "--json", party=newcomer).rows == []
