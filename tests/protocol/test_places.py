# SPDX-License-Identifier: Apache-2.0
"""Countries and time zones that messages may name."""

from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from stemtide.protocol import places
from stemtide.protocol.labels import check_label
from stemtide.protocol.law import frameworks
from stemtide.protocol.messages.crises import ReasonIn
from stemtide.protocol.messages.signals import SignalIn


def test_every_listed_time_zone_can_be_loaded():
    assert {ZoneInfo(name).key for name in places.time_zones()} == places.time_zones()


def test_time_zones_are_named_by_a_place():
    assert {"Europe/Brussels", "UTC"} <= places.time_zones()
    assert not {"Etc/GMT+7", "EST5EDT", "localtime"} & places.time_zones()


def test_the_schema_lists_every_label_that_a_signal_may_carry_and_no_other():
    listed = SignalIn.model_json_schema()["properties"]["labels"]["items"]["enum"]
    assert [check_label(name) for name in listed] == listed
    assert "csam" not in listed


def test_framework_names_are_those_of_the_frameworks_that_load():
    assert set(frameworks.names()) == set(frameworks.frameworks())


@pytest.mark.parametrize("text", ["ab", " a ", "   ", "\u3000a\u3000\u3000"])
def test_a_reason_has_three_characters_without_the_spaces_around_them(text):
    with pytest.raises(ValidationError):
        ReasonIn(reason=text)


def test_spaces_around_a_reason_are_left_out():
    assert ReasonIn(reason="\u00a0three words here ").reason == "three words here"
