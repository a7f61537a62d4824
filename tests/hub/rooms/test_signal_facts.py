# SPDX-License-Identifier: Apache-2.0
"""Each field that a sharer sends reaches each place, or is left out for a reason written here."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.agent.store.log.proofs import FACTS
from stemtide.agent.sync.snapshot import _Line
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads.collection import _NAMES
from stemtide.hub.rooms.signals.rules.content import EMPTY
from stemtide.hub.rooms.signals.rules.signals import Facts
from stemtide.hub.rooms.signals.views import NAMES
from stemtide.hub.rooms.transparency.rules.leaves import (
    SIGNAL_COLUMNS,
    LeafSalts,
    Thing,
    content_commitment,
)
from stemtide.interop.stix import pulled, signals
from stemtide.protocol.files.columns import COLUMNS
from stemtide.protocol.messages.signals import SignalIn, SignalOut
from stemtide.protocol.signing.signatures import SIGNED, sign, text_to_sign
from stemtide.protocol.sync.feed import FeedSignal

PLACES = {
    "row": {field.name for field in Signal._meta.fields},
    "equal shares": {"kind", "value", "exercise", *Facts._fields},  # rules.signals.Key and Facts
    "read": set(SignalOut.model_fields),
    "feed": set(NAMES) & set(FeedSignal.model_fields),
    "snapshot line": set(_Line.__struct_fields__),
    "signature": set(SIGNED),
    "log": set(SIGNAL_COLUMNS),
    "agent's proof": set(FACTS),
    "file": set(COLUMNS),
    "collection": set(_NAMES.values()),
    "stix out": {*signals._FIELDS, "kind", "confidence", "tlp", "expires_at"},  # of STIX itself
    "stix in": set(pulled._FIELDS),
    "erasure": set(EMPTY),
}

_NOT_CONTENT = "erasure leaves a skeleton: what kind of thing it was, when, and for whom"
_CHANGES = "acts with entries of their own may change it (decision 0164)"
_NOT_FOR_ALL = "not all who receive the signal may see it"
_GROUPS = "it groups signals, and says nothing about one alone"
_AGENTS = "agents need not know it to decide"
_HUBS = "each hub decides it for itself"

LEFT_OUT = {
    "value": {"collection": "named stored there, as long values are completed later"},
    "content": dict.fromkeys(("signature", "log", "agent's proof"), _GROUPS),
    "audience": {
        **dict.fromkeys(("feed", "snapshot line"), _NOT_FOR_ALL),
        **dict.fromkeys(("signature", "agent's proof"), "not in the feed, so nobody could check"),
        "erasure": _NOT_CONTENT,
    },
    "via": {
        **dict.fromkeys(("feed", "snapshot line"), _NOT_FOR_ALL),
        **dict.fromkeys(("signature", "agent's proof"), "not in the feed, so nobody could check"),
        "equal shares": "the way of a signal is no fact about it",
        "stix in": "read with the tags of the object, as hops_of does",
    },
    "expires_at": {
        **dict.fromkeys(("signature", "log", "agent's proof"), _CHANGES),
        "erasure": _NOT_CONTENT,
    },
    "crisis": {
        **dict.fromkeys(("signature", "log", "agent's proof"), _CHANGES),
        "stix in": _HUBS,
        "erasure": _NOT_CONTENT,
    },
    "exercise": {"stix in": _HUBS, "erasure": _NOT_CONTENT},
    "retention": {
        "row": "stored as basis, purpose and date (RetainedRow)",
        **dict.fromkeys(("feed", "snapshot line"), _AGENTS),
        **dict.fromkeys(("signature", "log", "agent's proof"), _CHANGES),
        **dict.fromkeys(("file", "collection", "stix out", "stix in"), _HUBS),
        "equal shares": "its date counts as part of expires_at",
        "erasure": _NOT_CONTENT,
    },
    "signature": {
        "equal shares": "signing again changes no fact",
        "read": "agents verify it, from the feed",
        **dict.fromkeys(("signature", "log", "agent's proof"), "no signature covers itself"),
        **dict.fromkeys(
            ("collection", "stix out", "stix in"), "exchanges share in their own name (0203)"
        ),
    },
    **{
        name: {"erasure": _NOT_CONTENT} for name in ("kind", "severity", "confidence", "tlp", "pap")
    },
}

BODY = SignalIn(
    kind="pdq",
    value="0f" * 32,
    quality=90,
    within_bits=20,
    labels=("manifesto", "incitement"),
    ideology="jihadist",
    entity="EU 2023/1514 II.3",
    language="de",
    severity="high",
    provenance="perpetrator",
    confidence=85,
    tlp="green",
    pap="amber",
    exercise=True,
)


def unexplained(places):
    """The fields that are missing in a place without a reason, or have a reason and are there."""
    return {
        (name, place)
        for name in SignalIn.model_fields
        for place, names in places.items()
        if (name in names) == (place in LEFT_OUT.get(name, {}))
    }


def test_each_field_of_a_signal_reaches_each_place_or_says_why_not():
    assert unexplained(PLACES) == set()


@pytest.mark.parametrize("place", PLACES)
def test_a_field_that_is_lost_on_the_way_to_a_place_is_noticed(place):
    for name in PLACES[place] & set(SignalIn.model_fields):
        assert unexplained(PLACES | {place: PLACES[place] - {name}}) == {(name, place)}


def test_a_line_of_a_snapshot_has_the_fields_of_the_feed():
    assert {*_Line.__struct_fields__, "op"} == set(FeedSignal.model_fields)


def test_a_signature_made_before_is_the_same():
    """The text and signature were made by commit b950d577."""
    text = text_to_sign(BODY, party="be-ctu")
    digest = "f5b7df7d27f2d64686d34793083519a8e8f481d244e90560bf20554b9b7b7f77"
    assert hashlib.sha256(text).hexdigest() == digest
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert sign(BODY, key=key, party="be-ctu").signature == (
        "KjBEDy0BVdtW+HQaJjmErVUkr5aYOwDNRz0bHl6s2Z31TUWe7HsO7OmlSYPe4ETRX+Ch9/0+rpW4gc65MZKdAw=="
    )


@pytest.mark.parametrize(
    ("is_first", "digest"),
    [
        (True, "4f89103d379c041659e443b4d74276d4c26d1b21f4ef18c833f79bee41832d42"),
        (False, "48f1bce0f8bae698026f48f88e5f3d76d2b5fd33b04e7e1b814b36c249caabb7"),
    ],
)
def test_the_log_commits_to_a_signal_as_before(is_first, digest):
    """The digests were made by commit b950d577."""
    row = BODY.model_dump(mode="json") | {
        "uid": "01890a5d-ac96-774b-bcce-b302099a8057",
        "url": "example.org/a",
        "shared_at": "2026-12-01T12:00:00.000000+00:00",
        "shared_by": "be-ctu",
        "reach": "host",
        "audience": "|fr-ctu|",
        "via": "01890a5d-ac96-774b-bcce-b302099a8058",
    }
    thing = Thing(SIGNAL_COLUMNS, tuple(row[name] for name in SIGNAL_COLUMNS))
    salts = LeafSalts(entry=bytes(32), content=bytes(range(32)))
    commitment = content_commitment([thing], salts, is_first=is_first)
    assert commitment is not None
    assert commitment.hex() == digest
