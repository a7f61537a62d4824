# SPDX-License-Identifier: Apache-2.0
"""Requests made to cost the hub more than their sender: few bytes in, few words out."""

import json
from uuid import uuid4

import pytest

from tests.hub.api.conftest import signal
from tests.prints import text_value
from tests.world import hex_value

BULK = "/api/v1/signals/bulk"
SIGNALS = "/api/v1/signals"
EXTRA = {f"field-{number}": 1 for number in range(5000)}
GOOD = signal(hex_value(1))


def lines(*sent: object) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in sent)


EXCESSES = {
    "fields": ("POST", SIGNALS, {**GOOD, **EXTRA}),
    "fields of a row": ("POST", BULK, {"signals": [{**GOOD, **EXTRA}]}),
    "fields around the rows": ("POST", BULK, {"signals": [GOOD], **EXTRA}),
    "fields far inside": ("POST", SIGNALS, {**GOOD, "labels": [[{"a": EXTRA}]]}),
    "labels": ("POST", SIGNALS, {**GOOD, "labels": ["nice"] * 5000}),
    "labels of a row": ("POST", BULK, {"signals": [{**GOOD, "labels": ["nice"] * 5000}]}),
    "recipients": ("POST", SIGNALS, {**GOOD, "audience": [1] * 5000}),
    "countries": ("POST", "/api/v1/crises", {"name": "Attack", "countries": [1] * 5000}),
    "outcomes": (
        "POST",
        "/api/v1/outcomes",
        {"report": str(uuid4()), "agent": "one", "rows": [{}] * 20_001},
    ),
    "rows": ("POST", BULK, {"signals": [{}] * 20_001}),
}


@pytest.mark.parametrize("excess", EXCESSES)
def test_an_excess_of_wrong_things_is_answered_in_few_words(machine, world, excess):
    method, path, body = EXCESSES[excess]

    answer = machine(world.big_provider)(method, path, body)

    assert answer.status_code in {413, 422}
    assert answer.json()["detail"]
    assert len(answer.content) < 2000


def test_a_line_with_an_excess_of_wrong_things_hides_no_good_one(machine, world):
    body = lines({**GOOD, **EXTRA}, GOOD)

    answer = machine(world.authority)(
        "POST", f"{BULK}?partial=1", body, content_type="application/x-ndjson"
    )

    assert answer.status_code == 201
    assert len(answer.content) < 2000
    (error,) = answer.json()["errors"]
    assert (error["row"], answer.json()["created"]) == (0, 1)
    assert "things are wrong" in error["message"]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"expires_at": "9999-12-31T23:59:59-01:00"}, "expires_at"),
        (
            {"kind": "url", "value": f"example.com/{'é' * 700}", "quality": None},
            "value",
        ),
    ],
)
def test_a_row_that_cannot_be_kept_is_named_and_hides_no_good_one(machine, world, facts, field):
    body = {"signals": [GOOD, {**signal(hex_value(2)), **facts}]}

    refused = machine(world.authority)("POST", BULK, body)
    partly = machine(world.authority)("POST", f"{BULK}?partial=1", body)

    assert refused.status_code == 422
    assert [one["field"] for one in refused.json()["errors"]] == [f"signals.1.{field}"]
    assert (partly.status_code, partly.json()["created"]) == (201, 1)
    assert [(one["row"], one["field"]) for one in partly.json()["errors"]] == [(1, field)]


def test_a_party_that_fills_the_disk_is_told_to_wait(machine, world, settings):
    settings.LONG_VALUE_BYTES_A_DAY = 100
    body = signal(text_value(1, grams=20).hex(), kind="text", quality=None)

    answer = machine(world.authority)("POST", SIGNALS, body)

    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/too-many")
    assert "after midnight UTC" in answer.json()["detail"]
