# SPDX-License-Identifier: Apache-2.0
"""Bodies hold the JSON types that the schema names: a text is no number, a number no claim."""

import re
import tracemalloc
from uuid import uuid4

import pytest
from pydantic import ValidationError

from stemtide.hub.api.bodies import read_message
from stemtide.protocol.enums import Scope
from stemtide.protocol.messages.crises import ReasonIn
from tests.hub.api.conftest import signal
from tests.hub.api.schema import SCHEMA
from tests.hub.api.test_bulk import BULK, JSON_LINES, lines
from tests.rounds import at_night
from tests.world import hex_value

OTHER_TYPES = {
    "integer": ("1", "whole number"),
    "boolean": (1, "true or false"),
    "date-time": (5, "a time in quotes"),
    "date": (5, "a date in quotes"),
}
"""What pydantic would read as each kind of value though it is none, and what is said of it."""


def _kind(facts):
    """The kind of a field's value that matters here, of what it may be besides null."""
    kinds = [one.get("format") or one.get("type") for one in facts.get("anyOf", [facts])]
    return next((one for one in kinds if one in OTHER_TYPES), None)


def _fields():
    """Operations whose bodies have such fields: method, address, and the fields by kind."""
    for path, methods in SCHEMA["paths"].items():
        for method, facts in methods.items():
            said = facts.get("requestBody", {}).get("content", {}).get("application/json")
            if said is None or path.endswith("/signals/bulk"):
                continue
            model = SCHEMA["components"]["schemas"][said["schema"]["$ref"].rpartition("/")[2]]
            kinds = {name: _kind(one) for name, one in model["properties"].items()}
            if found := {name: kind for name, kind in kinds.items() if kind}:
                yield method.upper(), path, found


OPERATIONS = list(_fields())


def test_the_schema_has_fields_of_every_kind():
    kinds = {kind for _, _, fields in OPERATIONS for kind in fields.values()}
    assert kinds == set(OTHER_TYPES)
    assert len(OPERATIONS) > 25


def test_no_operation_reads_a_value_of_another_type(machine, world):
    call = machine(world.authority, scopes=list(Scope))
    for method, path, fields in OPERATIONS:
        body = {name: OTHER_TYPES[kind][0] for name, kind in fields.items()}
        answer = call(method, re.sub(r"\{\w+\}", str(uuid4()), path), body)
        said = {one["field"]: one["message"] for one in answer.json()["errors"]}
        assert answer.status_code == 422, path
        for name, kind in fields.items():
            assert OTHER_TYPES[kind][1] in said.get(name, ""), (path, name)


@pytest.mark.parametrize("said", ["4", "4.0", "4e0", "0.4E+1"])
def test_a_whole_number_is_one_however_json_writes_it(machine, world, said):
    body = b'{"harm": %b, "virality": 5}' % said.encode()
    call = machine(world.authority, scopes=list(Scope))
    assert call("POST", f"/api/v1/crises/{uuid4()}/triage", body).status_code == 404


@pytest.mark.parametrize("said", ["4.5", "1e308", "1e400", "NaN", '"4"', "true", "[4]", "null"])
def test_what_is_no_whole_number_is_none(machine, world, said):
    body = b'{"harm": %b, "virality": 5}' % said.encode()
    call = machine(world.authority, scopes=list(Scope))
    assert call("POST", f"/api/v1/crises/{uuid4()}/triage", body).status_code in {400, 422}


@pytest.mark.parametrize("form", ["json", "lines"])
def test_a_row_of_a_bulk_with_a_text_for_a_number_is_named(machine, world, form):
    first = signal(hex_value(0), quality=90.0)
    sent = [first, signal(hex_value(1), quality="90"), signal(hex_value(2), expires_at=5)]
    body, more = ({"signals": sent}, {}) if form == "json" else (lines(*sent), JSON_LINES)

    answer = machine(world.authority)("POST", BULK, body, **more)

    assert answer.status_code == 422
    assert [(one["row"], one["field"]) for one in answer.json()["errors"]] == [
        (1, "signals.1.quality"),
        (2, "signals.2.expires_at"),
    ]


@pytest.mark.parametrize("form", ["json", "lines"])
def test_a_bulk_of_numbers_with_a_point_lands(machine, world, form):
    sent = [signal(hex_value(0), quality=90.0), signal(hex_value(1), confidence=7.0)]
    body, more = ({"signals": sent}, {}) if form == "json" else (lines(*sent), JSON_LINES)
    assert machine(world.authority)("POST", BULK, body, **more).status_code == 201


@pytest.mark.parametrize(
    "line", [b'{"quality": 90.0, oops', b"[" * 300 + b"9.0" + b"]" * 300], ids=["broken", "deep"]
)
def test_a_line_that_is_no_json_is_named_whatever_numbers_it_has(machine, world, line):
    answer = machine(world.authority)("POST", BULK, line, **JSON_LINES)
    assert (answer.status_code, answer.json()["errors"][0]["row"]) == (422, 0)


@pytest.mark.parametrize("depth", range(196, 202))
def test_a_body_as_deep_as_json_may_be_is_refused(machine, world, depth):
    body = b'{"harm": ' + b"[" * depth + b"4.0" + b"]" * depth + b', "virality": 5}'
    call = machine(world.authority, scopes=list(Scope))
    assert call("POST", f"/api/v1/crises/{uuid4()}/triage", body).status_code in {400, 422}


def test_the_cells_of_a_table_are_read_as_numbers_and_claims(machine, world):
    heading = "kind,value,quality,confidence,exercise,labels,severity\n"
    body = f"{heading}pdq,{hex_value(1)},90,70,yes,perpetrator-content,high\n".encode()
    sharer = machine(world.authority)

    shared = sharer("POST", BULK, body, content_type="text/csv").json()["signals"][0]["id"]

    found = sharer("GET", f"/api/v1/signals/{shared}").json()
    assert (found["quality"], found["confidence"], found["exercise"]) == (90, 70, True)


def test_a_list_is_not_called_too_short_because_its_rows_are_wrong(machine, world):
    body = {"report": str(uuid4()), "agent": "a", "rows": [{"count": "1"}]}
    answer = machine(world.authority, scopes=list(Scope))("POST", "/api/v1/outcomes", body)
    assert "rows" not in {one["field"] for one in answer.json()["errors"]}


def test_a_question_in_the_address_is_text_and_read_as_such(machine, world):
    answer = machine(world.authority)("GET", "/api/v1/feed?exercise=1&limit=5")
    assert answer.status_code == 200


def test_a_list_of_signals_that_is_too_long_is_named_with_the_other_fields(machine, world):
    body = {"url": "https://a.example/", "signals": [str(uuid4())] * 101, "colour": "red"}
    call = machine(world.authority, scopes=list(Scope))

    answer = call("POST", "/api/v1/referrals/search", body)

    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == {"signals", "colour"}


@at_night
def test_numbers_of_many_digits_take_no_more_than_others():
    def peak(number):
        tracemalloc.start()
        with pytest.raises(ValidationError):
            read_message(ReasonIn, b'{"reason":[%b]}' % b",".join([number] * 20_000))
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found

    assert peak(b"1e308") < 2 * peak(b"1.5e3")
