# SPDX-License-Identifier: Apache-2.0
"""Child sexual abuse material is refused at every door, with the words and the right channel."""

import json

import pytest

from stemtide.hub.rooms.signals.models import ContentItem, LongValue, Signal
from tests.cli.conftest import run
from tests.hub.api.conftest import signal
from tests.prints import text_value
from tests.rounds import some_of
from tests.world import hex_value

BULK = "/api/v1/signals/bulk"
WORDS = ("Child sexual abuse material", "INHOPE", "CyberTipline", "do not copy it")
SPELLINGS = ["csam", "CSAM", "csem", "child sexual abuse"]
BAD = signal(hex_value(5), labels=["manifesto", "csam"])
LONG = signal(text_value(1, grams=9).hex(), kind="text", quality=None, labels=["csam"])


def lines(*sent):
    return b"\n".join(json.dumps(one).encode() for one in sent)


def is_routed(told):
    return all(word in told for word in WORDS)


@pytest.fixture
def nothing_is_kept(world):  # noqa: ARG001  # the tables must be there
    yield
    assert not Signal.objects.filter(value=hex_value(5)).exists()
    assert (LongValue.objects.count(), ContentItem.objects.count()) == (0, 0)


@pytest.mark.usefixtures("nothing_is_kept")
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_single_share_is_refused_and_routed(machine, world, spelling):
    body = signal(hex_value(5), labels=[spelling], content=hex_value(1)[:32])
    answer = machine(world.authority)("POST", "/api/v1/signals", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/refused-and-routed")
    assert is_routed(answer.json()["detail"])


@pytest.mark.usefixtures("nothing_is_kept")
@pytest.mark.parametrize("bad", [BAD, LONG], ids=["hash", "long value"])
@pytest.mark.parametrize("form", ["json", "lines"])
def test_a_bulk_with_such_a_row_is_refused_and_routed(machine, world, form, bad):
    good = signal(hex_value(1))
    body, more = {"signals": [good, bad]}, {}
    if form == "lines":
        body, more = lines(good, bad), {"content_type": "application/x-ndjson"}
    answer = machine(world.authority)("POST", BULK, body, **more)
    assert answer.json()["type"] == "/problems/refused-and-routed"
    (error,) = answer.json()["errors"]
    assert (error["row"], is_routed(error["message"])) == (1, True)
    assert Signal.objects.count() == 0


@pytest.mark.usefixtures("nothing_is_kept")
def test_a_partial_bulk_names_such_a_row_and_keeps_the_others(machine, world):
    answer = machine(world.authority)(
        "POST", f"{BULK}?partial=1", {"signals": [BAD, signal(hex_value(1)), LONG]}
    )
    assert (answer.status_code, answer.json()["created"]) == (201, 1)
    assert [one["row"] for one in answer.json()["errors"]] == [0, 2]
    assert all(is_routed(one["message"]) for one in answer.json()["errors"])


@pytest.mark.parametrize("spelling", some_of(1, SPELLINGS))
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_the_command_line_refuses_it_before_it_reads_the_file(tmp_path, spelling, more):
    missing = tmp_path / "never-read.jpg"
    said = run("signal", "share", missing, "--label", spelling, "--severity", "high", *more)
    assert (said.code, said.out) == (1, "")
    assert is_routed(" ".join(said.err.split()))
    assert "never-read" not in said.err
