# SPDX-License-Identifier: Apache-2.0
from contextlib import suppress

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from stemtide.fingerprints.kinds import MAX_VALUE_BYTES, Kind
from stemtide.protocol.messages.signals import SignalIn, is_long
from tests.prints import LONG, long_value, text_value
from tests.rounds import rounds


def signal(kind, value, **changed):
    facts = {"kind": kind, "value": value, "labels": ["manifesto"], "severity": "high"}
    return SignalIn.model_validate(facts | changed)


def test_these_kinds_are_as_long_as_their_content():
    assert [kind for kind in Kind if is_long(kind)] == [*LONG, "external"]


@pytest.mark.parametrize("kind", LONG)
def test_a_real_value_travels_in_either_case(kind):
    value = long_value(kind)
    assert len(value) > 64
    assert bytes.fromhex(signal(kind, value.hex()).value) == value
    assert bytes.fromhex(signal(kind, value.hex().upper()).value) == value


def test_the_value_of_a_thick_book_is_taken():
    value = text_value(1, grams=200_000)
    assert signal("text", value.hex()).value == value.hex()


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda text: text[:-2], "value: no {kind} value: "),
        (lambda text: text + "00", "value: no {kind} value: "),
        (lambda text: "00" + text[2:], "value: no {kind} value: "),
        (lambda text: text[:20], "value: no {kind} value: "),
        (lambda text: text[:-1], "value: a {kind} value is hex digits"),
        (lambda text: text[:-1] + "g", "value: a {kind} value is hex digits"),
        (lambda text: text[:8] + " " + text[8:], "value: a {kind} value is hex digits"),
        (lambda _: "https://x.example/", "value: a {kind} value is hex digits"),
        (lambda _: "0f" * 32, "value: no {kind} value: "),
        (lambda _: "00" * (MAX_VALUE_BYTES + 1), "at most 8388608 characters"),
        (lambda _: "", "at least 1 character"),
    ],
)
def test_a_value_that_no_module_spells_so_is_refused_by_name(kind, spoil, told):
    with pytest.raises(ValidationError) as caught:
        signal(kind, spoil(long_value(kind).hex()))
    assert told.format(kind=kind) in caught.value.errors()[0]["msg"]
    assert len(caught.value.errors()[0]["msg"]) < 300


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("fact", ["quality", "within_bits"])
def test_only_pdq_signals_have_a_quality_and_a_distance(kind, fact):
    with pytest.raises(ValidationError, match="only pdq"):
        signal(kind, long_value(kind).hex(), **{fact: 20})


def test_an_address_is_as_short_as_ever():
    assert signal("url", "x.example/" + "a" * 4086)
    with pytest.raises(ValidationError, match=r"value: a url has at most 4,096 characters"):
        signal("url", "x.example/" + "a" * 4087)


@pytest.mark.parametrize("kind", ["pdq", "sha256", "md5"])
def test_a_short_value_holds_nothing_but_hex(kind):
    size = 32 if kind == "md5" else 64
    for text in (" " * size, "0f" * (size // 2 - 1) + " 0", "0f" * size, "\u0660" * size):
        with pytest.raises(ValidationError, match=f"{size} hex digits"):
            signal(kind, text)


@pytest.mark.parametrize("kind", LONG)
@settings(max_examples=rounds(37, nightly=300), deadline=None)
@given(data=st.data())
def test_whatever_is_sent_is_taken_or_refused_and_nothing_else(kind, data):
    value = bytearray(long_value(kind))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, min(len(value) - 1, 80)))
        value[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.sampled_from([len(value), 10, 40, len(value) - 1]))
    with suppress(ValidationError):
        signal(kind, bytes(value[:end]).hex())


@pytest.mark.parametrize("kind", LONG)
@given(value=st.binary(max_size=200))
def test_noise_is_no_value(kind, value):
    with pytest.raises(ValidationError):
        signal(kind, value.hex())
