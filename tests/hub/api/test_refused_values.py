# SPDX-License-Identifier: Apache-2.0
"""Hashes on the operator's list are refused at every door, whatever their labels; none is shown."""

import base64
import hashlib
import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from stemtide.hub.checks.results import Level
from stemtide.hub.checks.surroundings import refused_list
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.ledger.writes.transactions import part
from stemtide.hub.rooms.media.models import Preview
from stemtide.hub.rooms.signals.models import RefusedTally, Signal
from stemtide.hub.rooms.signals.refused_values import (
    RefusedValuesError,
    RefusedValuesFile,
    read_refused_values,
    refused_values,
)
from stemtide.hub.rooms.signals.rules import checks
from stemtide.hub.rooms.signals.rules.signals import (
    BulkRefusedError,
    RefusedTooOftenError,
    check_counted,
)
from stemtide.hub.rooms.signals.writes import share_groups
from stemtide.hub.rooms.signals.writes.share_groups import SingleShare
from stemtide.hub.rooms.signals.writes.signals import share_approved, share_parsed
from stemtide.hub.rooms.signals.writes.waiting import count_refused
from tests.hub.api.conftest import signal, wait_until
from tests.hub.api.test_previews import PICTURE, SOON
from tests.hub.stix.conftest import Shelf, indicator
from tests.rounds import some_of
from tests.world import NOON, hex_value, signal_in

ONE, BULK = "/api/v1/signals", "/api/v1/signals/bulk"
MD5 = "0123456789abcdef" * 2
SHA256 = "fedcba9876543210" * 4
LISTED = hex_value(77)
WORDS = ("Child sexual abuse material", "INHOPE", "do not copy it")


def near(value, *, bits):
    """Return a PDQ hash that differs in so many bits."""
    return f"{int(value, 16) ^ (1 << bits) - 1:064x}"


def digest(kind, value):
    return signal(value, kind=kind, quality=None, within_bits=None)


@pytest.fixture
def shelf(world):
    return Shelf(world)


@pytest.fixture
def listed(settings, tmp_path):
    """Return the operator's file."""
    path = tmp_path / "refused.txt"
    path.write_text(f"# of June\nmd5:{MD5.upper()}\nsha256:{SHA256}\n\npdq:{LISTED}\n")
    settings.REFUSED_VALUES_FILE = str(path)
    return path


def is_routed(problem):
    text = json.dumps(problem)
    return problem["type"] == "/problems/refused-and-routed" and all(word in text for word in WORDS)


def refusals():
    return [
        (entry.actor, entry.detail["count"])
        for entry in Entry.objects.filter(kind="signals.refused").order_by("number")
    ]


@pytest.mark.parametrize(
    "body",
    [
        digest("md5", MD5),
        digest("sha256", SHA256.upper()),
        signal(LISTED),
        signal(near(LISTED, bits=31)),
    ],
    ids=["md5", "sha256", "pdq", "pdq within 31 bits"],
)
def test_a_listed_value_is_refused_with_the_words_of_the_label(machine, world, listed, body):  # noqa: ARG001
    answer = machine(world.authority)("POST", ONE, body)
    assert (answer.status_code, is_routed(answer.json())) == (422, True)
    assert not Signal.objects.exists()
    assert refusals() == [(world.authority.ref, 1)]


def test_a_value_beside_the_list_is_shared(machine, world, listed):  # noqa: ARG001
    far = signal(near(LISTED, bits=32))
    assert machine(world.authority)("POST", ONE, far).status_code == 201
    assert (refusals(), RefusedTally.objects.count()) == ([], 0)


def test_a_bulk_names_listed_rows_and_stores_nothing(machine, world, listed):  # noqa: ARG001
    rows = [signal(hex_value(1)), digest("md5", MD5), signal(LISTED)]
    answer = machine(world.authority)("POST", BULK, {"signals": rows})
    assert is_routed(answer.json())
    assert [error["row"] for error in answer.json()["errors"]] == [1, 2]
    assert (Signal.objects.count(), refusals()) == (0, [(world.authority.ref, 2)])


def test_a_partial_bulk_keeps_the_rows_that_are_not_listed(machine, world, listed):  # noqa: ARG001
    rows = [signal(hex_value(1)), signal(LISTED)]
    answer = machine(world.authority)("POST", f"{BULK}?partial=1", {"signals": rows}).json()
    assert (answer["created"], [error["row"] for error in answer["errors"]]) == (1, [1])
    assert refusals() == [(world.authority.ref, 1)]


def test_a_dry_run_does_not_say_what_is_listed(machine, world, listed):  # noqa: ARG001
    answer = machine(world.authority)("POST", f"{BULK}?dry_run=1", {"signals": [signal(LISTED)]})
    assert (answer.json()["created"], answer.json()["refused"]) == (1, 0)


def test_a_group_of_single_shares_leaves_a_listed_one_to_its_caller(world, listed):  # noqa: ARG001
    key = world.key(world.authority).split("_")[1]
    shares = [SingleShare(signal_in(value=value), key) for value in (hex_value(1), LISTED)]
    results = share_groups.share_group(lambda: shares, clock=lambda: NOON)
    assert [result is not None for result in results] == [True, False]


def test_misp_refuses_the_event_and_the_count_survives(machine, world, listed):  # noqa: ARG001
    event = {
        "Event": {
            "info": "x",
            "Attribute": [
                {"type": "md5", "value": MD5, "Tag": [{"name": 'stemtide:label="incitement"'}]}
            ],
        }
    }
    answer = machine(world.authority)("POST", "/misp/events/add", event)
    assert (answer.status_code, "INHOPE" in answer.content.decode()) == (422, True)
    assert (Signal.objects.count(), refusals()) == (0, [(world.authority.ref, 1)])


@pytest.mark.parametrize("listed_as", some_of(1, ["md5", "sha1", "sha256"]))
def test_a_listed_picture_is_refused_as_a_preview(machine, world, listed, listed_as):
    crisis = str(world.warn().id)
    shared = machine(world.authority)("POST", ONE, signal(hex_value()) | {"crisis": crisis}).json()
    content = base64.b64decode(PICTURE)
    digest_hex = hashlib.new(listed_as, content).hexdigest()
    listed.write_text(f"{listed_as}:{digest_hex}\n")
    assert holds_after_reading(listed_as, digest_hex)
    body = {"still": PICTURE, "expires_at": SOON}
    answer = machine(world.authority)("POST", f"{ONE}/{shared['id']}/preview", body)
    assert is_routed(answer.json())
    assert (Preview.objects.count(), refusals()) == (0, [(world.authority.ref, 1)])


def test_a_value_that_waited_is_compared_again_when_it_is_approved(world, listed):  # noqa: ARG001
    ready = checks.read([signal_in(value=LISTED), signal_in(value=hex_value(1))], now=NOON)
    out = share_approved(ready, by=world.authority, now=NOON, reasons=(), through=None)
    assert [placed is not None for placed in out.signals] == [False, True]


def test_a_party_that_asks_too_often_shares_nothing_more_that_day(machine, world, listed):  # noqa: ARG001
    authority, others = machine(world.authority), machine(world.agency)
    rows = [signal(near(LISTED, bits=bits)) for bits in range(20)]
    authority("POST", f"{BULK}?partial=1", {"signals": rows})
    over = authority("POST", f"{BULK}?partial=1", {"signals": [*rows, signal(hex_value(1))]})
    assert (over.status_code, over.json()["errors"]) == (429, [])
    assert over.headers["Retry-After"]
    assert refusals() == [(world.authority.ref, 20), (world.authority.ref, 20)]
    innocent = signal(hex_value(2))
    assert authority("POST", ONE, innocent).status_code == 429
    assert others("POST", ONE, innocent).status_code == 201


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("partial", some_of(1, [False, True]))
def test_shares_at_the_same_time_are_counted_together(committed_world, listed, partial):  # noqa: ARG001
    """Each of them alone is within the limit of 30."""
    by = committed_world.authority
    begin = threading.Barrier(8)

    def share(number):
        rows = [signal_in(value=near(LISTED, bits=number + 1)) for _ in range(10)]
        ready = checks.read(rows, now=NOON)
        begin.wait()
        try:
            share_parsed(ready, by=by, now=NOON, partial=partial, actor_ref="key:a", turn=part)
        except RefusedTooOftenError:
            return False
        except BulkRefusedError:
            return True
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(share, range(8))) == 3
    assert RefusedTally.objects.get().count == 80


def test_previews_at_the_same_time_are_counted_together(world, listed):  # noqa: ARG001
    """The others have used up the day while this picture was decoded."""
    RefusedTally.objects.create(party=world.authority, day=NOON.date(), count=30)
    before = count_refused(1, by=world.authority, now=NOON, through="key:a")
    with pytest.raises(RefusedTooOftenError):
        check_counted(1, before=before, through="key:a", now=NOON)


def test_the_count_survives_a_post_to_taxii_that_goes_over_it(shelf, listed):  # noqa: ARG001
    """A party with one question left must not get it back with the transaction."""
    by = shelf.world.authority
    RefusedTally.objects.create(party=by, day=NOON.date(), count=29)
    patterns = [f"[file:hashes.MD5 = '{MD5}']", f"[file:hashes.'SHA-256' = '{SHA256}']"]
    with pytest.raises(RefusedTooOftenError):
        shelf.post(*(indicator(pattern=pattern) for pattern in patterns))
    assert RefusedTally.objects.get().count == 31


def test_taxii_refuses_a_listed_value_and_takes_the_others(shelf, listed):  # noqa: ARG001
    status = shelf.post(indicator(pattern=f"[file:hashes.MD5 = '{MD5}']"), indicator())
    assert "INHOPE" in json.dumps(status)
    assert (Signal.objects.count(), refusals()) == (1, [(shelf.world.authority.ref, 1)])


def holds_after_reading(kind, value):
    """Whether a value is refused once a changed file was read."""
    refused_values.current()
    wait_until(lambda: not refused_values._is_reading())
    return refused_values.current().holds([(kind, value)]) == [True]


def test_a_changed_file_is_read_again(listed):
    assert holds_after_reading("md5", MD5)
    listed.write_text(f"sha256:{SHA256}\n")
    assert not holds_after_reading("md5", MD5)


@pytest.mark.parametrize(
    ("text", "why"), [("md5:00\n", "line 1"), ("", "holds no value"), (None, "cannot be read")]
)
def test_a_file_that_breaks_leaves_the_values_of_before(listed, caplog, text, why):
    assert holds_after_reading("md5", MD5)
    if text is None:
        listed.unlink()
    else:
        listed.write_text(text)
    with caplog.at_level(logging.ERROR):
        assert holds_after_reading("md5", MD5)
    assert why in caplog.text
    assert MD5 not in caplog.text


def test_a_share_does_not_wait_for_a_changed_file(listed, tmp_path):
    """It asks under the ledger's lock. The file is a pipe here, which nobody writes for a while."""
    file, held = RefusedValuesFile(), [("md5", MD5)]
    assert file.current().holds(held) == [True]
    listed.unlink()
    os.mkfifo(listed)
    assert file.current().holds(held) == [True]
    with listed.open("w"):
        fresh = tmp_path / "fresh.txt"
        fresh.write_text(f"sha256:{SHA256}\n")
        fresh.replace(listed)
    wait_until(lambda: file.current().holds(held) == [False])


@pytest.mark.parametrize("line", ["md5:zz", MD5, f"sha256:{MD5}", f"url:{SHA256}"])
def test_a_file_with_a_line_that_is_no_value_is_refused_without_showing_it(tmp_path, line):
    path = tmp_path / "refused.txt"
    path.write_text(f"# a note\n{line}\n")
    with pytest.raises(RefusedValuesError, match="line 2: write KIND:HEX") as caught:
        read_refused_values(path)
    assert line.rpartition(":")[2] not in str(caught.value)


def test_a_missing_file_is_not_an_empty_list():
    with pytest.raises(RefusedValuesError, match="cannot be read"):
        read_refused_values(Path("/nowhere/refused.txt"))


def test_doctor_shows_how_many_values_there_are_and_none_of_them(listed):
    (result,) = refused_list()
    assert (result.level, result.text) == (Level.OK, "3 values are refused")
    listed.write_text("md5:zz\n")
    (result,) = refused_list()
    assert (result.level, MD5 in result.text) == (Level.FAIL, False)
    listed.write_text("")
    (result,) = refused_list()
    assert (result.level, "holds no value" in result.text) == (Level.FAIL, True)


def test_no_value_reaches_the_database_or_the_log(machine, world, listed, caplog):  # noqa: ARG001
    with caplog.at_level(logging.DEBUG):
        machine(world.authority)("POST", ONE, digest("md5", MD5))
        machine(world.authority)("POST", BULK, {"signals": [signal(LISTED)]})
    details = json.dumps(list(Entry.objects.values_list("detail", flat=True)))
    assert [value for value in (MD5, LISTED) if value in details + caplog.text] == []
