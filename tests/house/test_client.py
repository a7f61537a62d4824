# SPDX-License-Identifier: Apache-2.0
"""What the client says of the API is what the API says of itself."""

import pytest

from tests.house import client


def test_the_calls_are_what_the_schema_says():
    remedy = "the API changed: run python -m tests.house.client"
    for where, text in client.files().items():
        assert where.exists(), f"{where.name} is missing: {remedy}"
        assert where.read_text("utf-8") == text, f"{where.name}: {remedy}"


def test_a_call_that_no_operation_has_is_gone():
    wanted = {one.name for one in client.files()} | {"__init__.py"}
    assert {one.name for one in (client.CLIENT / "calls").glob("*.py")} <= wanted


def test_a_schema_without_a_message_of_the_protocol_is_said_with_the_remedy():
    writer = client.Writer({"Unheard": {"type": "object"}})
    with pytest.raises(AssertionError, match=r"Unheard: .* stemtide\.protocol"):
        writer.type_of({"$ref": "#/components/schemas/Unheard"})
