# SPDX-License-Identifier: Apache-2.0
"""What the companion builds on is so at the fake, and at a real HMA where one is named.

STEMTIDE_TEST_HMA=http://127.0.0.1:5000 names one that may be written to; it needs an HMA that has
its routes for curators and matchers, and that indexes and loads every few seconds.
"""

import os
import secrets
import time

import httpx
import pytest

from tests.agent.fake_hma import FakeHma
from tests.agent.hma_routes import CREATING, ROUTES, ask, known, named

REAL = os.environ.get("STEMTIDE_TEST_HMA", "")


@pytest.fixture(params=["fake", "real"] if REAL else ["fake"])
def hma(request):
    if request.param == "real":
        with httpx.Client(base_url=REAL, timeout=30) as client:
            yield client
        return
    fake = FakeHma().start()
    with httpx.Client(base_url=fake.url, timeout=30) as client:
        yield client
    fake.stop()


@pytest.fixture
def bank(hma):
    name = f"T{secrets.token_hex(6).upper()}"
    answer = hma.post("/c/banks", json={"name": name, "enabled": True})
    assert (answer.status_code, answer.json()["name"]) == (201, name)
    yield name
    hma.delete(f"/c/bank/{name}")


def pdq():
    return secrets.token_hex(32)


def put(hma, bank, value, note="n"):
    answer = hma.post(f"/c/bank/{bank}/signal", json={"pdq": value, "note": note})
    assert answer.status_code in {200, 201}
    return answer.json()["id"]


def look(hma, path, value, **other):
    asked = {"signal": value, "signal_type": "pdq", **other}
    answer = hma.get(path, params=asked)
    assert answer.status_code == 200
    return answer.json()


def until_matched(hma, bank, value):
    ends = time.monotonic() + 180
    while time.monotonic() < ends:
        if found := look(hma, "/m/lookup", value).get(bank):
            return found
        time.sleep(0.2)
    raise AssertionError("never matched")


def test_a_content_says_whose_it_is(hma, bank):
    number = put(hma, bank, pdq(), note="stemtide:a:b")
    told = hma.get(f"/c/bank/{bank}/content/{number}").json()
    assert (told["id"], told["note"], told["bank"]["name"]) == (number, "stemtide:a:b", bank)
    assert hma.get(f"/c/bank/{bank}/content/{number + 10**6}").status_code == 404
    assert hma.get(f"/c/bank/{bank}X/content/{number}").status_code == 404


def test_the_same_hash_twice_is_two_contents(hma, bank):
    value = pdq()
    assert put(hma, bank, value) != put(hma, bank, value)


def test_a_bank_that_is_not_there_takes_nothing(hma, bank):
    sent = {"pdq": pdq(), "note": "n"}
    assert hma.post(f"/c/bank/{bank}X/signal", json=sent).status_code == 404
    assert hma.get(f"/c/bank/{bank}X").status_code == 404
    assert hma.delete(f"/c/bank/{bank}X/content/1").status_code == 404


def test_a_bank_cannot_be_made_twice_nor_in_small_letters(hma, bank):
    assert hma.post("/c/banks", json={"name": bank, "enabled": True}).status_code == 403
    assert hma.post("/c/banks", json={"name": "small", "enabled": True}).status_code == 400


def test_what_is_no_hash_is_refused(hma, bank):
    assert hma.post(f"/c/bank/{bank}/signal", json={"pdq": "zz", "note": "n"}).status_code == 400
    sent = {"sha9": "00", "note": "n"}
    assert hma.post(f"/c/bank/{bank}/signal", json=sent).status_code == 400


def test_a_deleted_content_matches_no_more_at_once(hma, bank):
    value, other = pdq(), pdq()
    number = put(hma, bank, value)
    put(hma, bank, other)  # a lone hash is lost
    ((found,),) = [until_matched(hma, bank, value)]
    assert found == {"bank_content_id": number, "distance": "0"}
    assert number in look(hma, "/m/raw_lookup", value, banks=bank)["matches"]
    assert hma.delete(f"/c/bank/{bank}/content/{number}").json() == {"deleted": 1}
    assert look(hma, "/m/lookup", value) == {}
    assert look(hma, "/m/raw_lookup", value, banks=bank)["matches"] == []
    assert hma.delete(f"/c/bank/{bank}/content/{number}").json() == {"deleted": 0}


def test_a_content_is_deleted_by_its_id_whatever_bank_is_named(hma, bank):
    other = f"{bank}_OTHER"
    hma.post("/c/banks", json={"name": other, "enabled": True})
    number = put(hma, other, pdq())
    assert hma.delete(f"/c/bank/{bank}/content/{number}").json() == {"deleted": 1}
    assert hma.get(f"/c/bank/{other}/content/{number}").status_code == 404
    hma.delete(f"/c/bank/{other}")


def test_contents_go_with_their_bank(hma, bank):
    number = put(hma, bank, pdq())
    assert hma.delete(f"/c/bank/{bank}").status_code == 200
    hma.post("/c/banks", json={"name": bank, "enabled": True})
    assert hma.get(f"/c/bank/{bank}/content/{number}").status_code == 404


def test_it_says_which_kinds_it_matches(hma):
    told = hma.get("/c/signal_type").json()
    assert {"pdq", "video_md5"} <= {one["name"] for one in told if one["enabled_ratio"] > 0}
    assert hma.get("/status").text.strip() == "I-AM-ALIVE"


def test_every_route_of_the_table_answers_in_its_shape(hma):
    name, api = f"T{secrets.token_hex(6).upper()}", hma.get("/c/exchanges/apis").json()[-1]
    for row in reversed(CREATING):
        answer = ask(hma, row, bank=name if row.path == "/c/exchanges" else f"{name}_2", api=api)
        assert answer.status_code == 201, row.id
        row.check(answer.content)
    number = put(hma, name, pdq())
    for row in ROUTES:
        answer = ask(hma, row, bank=name, content=number, api=api)
        assert answer.status_code in {200, 201}, (row.id, answer.text)
        row.check(answer.content)
    hma.delete(f"/c/bank/{name}_2")


def test_the_table_and_the_fake_have_the_same_routes():
    assert named(FakeHma().routes()) == known()
