# SPDX-License-Identifier: Apache-2.0
import json
import secrets

import httpx
import pytest

from stemtide.hub.rooms.signals.reads import signals as reads
from tests.hub.api.conftest import signal
from tests.prints import long_value, text_value
from tests.rounds import at_night, some_of
from tests.world import hex_value

BULK = "/api/v1/signals/bulk"
JSON_LINES = {"content_type": "application/x-ndjson"}


def rows(count: int) -> list[dict[str, object]]:
    return [signal(hex_value(number)) for number in range(count)]


def lines(*sent: object) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in sent)


def stored(world) -> int:
    return reads.totals(viewer=world.authority)["signals_live"]


def test_a_bulk_lands_as_a_whole_in_the_order_sent(machine, world):
    answer = machine(world.authority)("POST", BULK, {"signals": rows(3)})

    out = answer.json()
    assert answer.status_code == 201
    assert (out["created"], out["existing"], out["refused"], out["errors"]) == (3, 0, 0, [])
    feed = machine(world.authority)("GET", "/api/v1/feed").json()["entries"]
    assert [one["id"] for one in out["signals"]] == [one["id"] for one in feed]
    assert [one["value"] for one in feed] == [hex_value(number) for number in range(3)]


def test_json_lines_are_a_bulk_too(machine, world):
    body = lines(*rows(3)).replace(b"\n", b"\r\n\n") + b"\n"

    answer = machine(world.authority)("POST", BULK, body, **JSON_LINES)

    assert answer.status_code == 201
    assert answer.json()["created"] == 3


def test_the_same_bulk_again_finds_what_is_there(machine, world):
    machine(world.authority)("POST", BULK, {"signals": rows(3)})

    out = machine(world.authority)("POST", BULK, {"signals": rows(3)}).json()

    assert (out["created"], out["existing"]) == (0, 3)


@pytest.mark.parametrize("form", ["json", "lines"])
def test_one_bad_row_is_named_and_nothing_is_stored(machine, world, form):
    sent = [*rows(2), signal("zz"), signal(hex_value(9), colour="red", labels=["nice"])]
    body, more = ({"signals": sent}, {}) if form == "json" else (lines(*sent), JSON_LINES)

    answer = machine(world.authority)("POST", BULK, body, **more)

    found = answer.json()
    assert answer.status_code == 422
    assert [(one["row"], one["field"]) for one in found["errors"]] == [
        (2, "signals.2.value"),
        (3, "signals.3.labels.0"),
    ]
    assert "colour" in found["errors"][1]["message"]
    assert "?partial=1" in found["detail"]
    assert stored(world) == 0


@pytest.mark.parametrize("form", ["json", "lines"])
def test_with_partial_the_good_rows_land_and_the_bad_ones_are_listed(machine, world, form):
    sent = [signal("zz"), *rows(2), signal(hex_value(7), audience=["nobody"])]
    body, more = ({"signals": sent}, {}) if form == "json" else (lines(*sent), JSON_LINES)

    answer = machine(world.authority)("POST", f"{BULK}?partial=1", body, **more)

    out = answer.json()
    assert answer.status_code == 201
    assert (out["created"], out["refused"]) == (2, 2)
    assert [one and one["created"] for one in out["signals"]] == [None, True, True, None]
    assert [(one["row"], one["field"]) for one in out["errors"]] == [(0, "value"), (3, "audience")]
    assert stored(world) == 2


def test_a_line_that_is_no_json_is_named_by_its_row(machine, world):
    body = lines(*rows(2)) + b"\n{oops"

    answer = machine(world.authority)("POST", BULK, body, **JSON_LINES)

    assert answer.status_code == 422
    assert [one["row"] for one in answer.json()["errors"]] == [2]
    assert "JSON" in answer.json()["errors"][0]["message"]
    assert stored(world) == 0


def test_a_line_cannot_smuggle_in_a_second_row(machine, world):
    one, other = (json.dumps(row).encode() for row in rows(2))

    answer = machine(world.authority)("POST", BULK, one + b"," + other, **JSON_LINES)

    assert answer.status_code == 422
    assert stored(world) == 0


def test_a_row_of_another_channel_refuses_and_routes_the_bulk(machine, world):
    sent = [*rows(1), signal(hex_value(5), labels=["csam"])]

    answer = machine(world.authority)("POST", BULK, {"signals": sent})

    assert answer.json()["type"] == "/problems/refused-and-routed"
    assert "hotline" in answer.json()["errors"][0]["message"]
    assert stored(world) == 0


@pytest.mark.parametrize("form", ["json", "lines"])
def test_more_than_20000_rows_are_too_many(machine, world, form):
    sent = [1] * 20_001
    body, more = ({"signals": sent}, {}) if form == "json" else (lines(*sent), JSON_LINES)

    answer = machine(world.authority)("POST", BULK, body, **more)

    assert answer.status_code == 413
    assert "20000" in answer.json()["detail"]


@at_night
def test_20000_rows_land(machine, world):
    sent = [signal(secrets.token_hex(32)) for _ in range(20_000)]

    answer = machine(world.authority)("POST", BULK, {"signals": sent})

    assert answer.json()["created"] == 20_000


def test_a_body_beyond_the_limit_is_too_large(machine, world):
    answer = machine(world.authority)("POST", BULK, b" " * (32 * 1024 * 1024 + 1))

    assert answer.status_code == 413
    assert "smaller parts" in answer.json()["detail"]


@at_night
def test_a_body_without_an_announced_size_is_weighed_as_it_arrives(hub):
    def endless():
        for _ in range(36):
            yield b" " * 1024 * 1024

    with hub.client() as client:
        headers = {"Content-Type": "application/json"}
        answer = client.post(BULK, content=endless(), headers=headers, timeout=None)

    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"


@at_night
def test_the_server_weighs_what_people_send_as_well(hub):
    body = b" " * (33 * 1024 * 1024)

    answer = httpx.post(f"{hub.address}/nowhere", content=body, timeout=600, trust_env=False)

    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("text/plain")


@at_night
@pytest.mark.parametrize("form", ["json", "lines"])
def test_long_values_beyond_their_limit_are_named_with_the_remedy(machine, world, form):
    longest = text_value(1, grams=260_000).hex()
    sent = [signal(longest, kind="text", quality=None) for _ in range(7)]
    body, more = ({"signals": sent}, {}) if form == "json" else (lines(*sent), JSON_LINES)

    answer = machine(world.authority)("POST", f"{BULK}?partial=1", body, **more)

    assert answer.status_code == 413
    assert "at most 12582912 in one bulk" in answer.json()["detail"]
    assert stored(world) == 0


@pytest.mark.parametrize("form", some_of(1, ["json", "lines"]))
def test_a_long_value_that_is_none_is_named_and_hides_no_good_one(machine, world, form):
    good = long_value("video").hex()
    sent = [
        signal(value, kind="video", quality=None)
        for value in (good, good[:-2], "00" * 4_194_305, "zz" * 100_000)
    ]
    body, more = ({"signals": sent}, {}) if form == "json" else (lines(*sent), JSON_LINES)

    answer = machine(world.authority)("POST", f"{BULK}?partial=1", body, **more)

    assert answer.status_code == 201
    assert answer.json()["created"] == 1
    assert [(one["row"], one["field"]) for one in answer.json()["errors"]] == [
        (row, "value") for row in (1, 2, 3)
    ]
    assert len(answer.content) < 2000


def test_a_row_of_a_table_cannot_widen_its_match(machine, world):
    table = f"kind,value,labels,severity,within_bits\npdq,{hex_value(1)},incitement,high,32\n"
    answer = machine(world.authority)("POST", BULK, table.encode(), content_type="text/csv")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (422, "signals.0.within_bits")


def test_a_row_of_a_table_is_its_senders_whatever_party_it_names(machine, world):
    table = (
        f"kind,value,labels,severity,shared_by\npdq,{hex_value(1)},incitement,high,small-forum\n"
    )
    machine(world.authority)("POST", BULK, table.encode(), content_type="text/csv")
    (entry,) = machine(world.authority)("GET", "/api/v1/feed").json()["entries"]
    assert entry["shared_by"] == "be-crisis-centre"
