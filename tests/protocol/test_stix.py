# SPDX-License-Identifier: Apache-2.0
"""STIX both ways: what is written is read strictly by others, and read back as what it was."""

import json
import re
from datetime import timedelta
from importlib.resources import files
from uuid import uuid4

import pytest
import stix2
from hypothesis import given, strategies as st

from stemtide.fingerprints.kinds import Kind
from stemtide.interop.stix.objects import (
    EXTENSION,
    MARKING_OF,
    TLP_OF,
    common_objects,
    indicator_id,
    named_id,
    signal_uids,
    stix_time,
)
from stemtide.interop.stix.patterns import read_patterns
from stemtide.interop.stix.posted import (
    PostedError,
    opinion_of,
    read_object,
    reason_of,
    sighting_of,
    signals_of,
)
from stemtide.interop.stix.signals import _FIELDS, indicator, pattern_of
from stemtide.protocol.enums import (
    Opinion,
    Outcome,
    Provenance,
    Reach,
    Severity,
    SignalState,
    WithdrawReason,
)
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.messages.signals import is_long
from tests.prints import text_value
from tests.world import NOON, hex_value

V7 = "01a2135c-0304-7815-8dc7-7a3260295da8"
BY = "identity--a463ffb3-1bd9-4d94-b02d-74e4f1658283"


def row(kind="pdq", **facts):
    """A signal's columns, as the room of signals hands them on."""
    from uuid import UUID

    value = hex_value(digits=32 if kind == "md5" else 64)
    plain = {
        "id": UUID(V7),
        "state": "live",
        "kind": kind,
        "value": value,
        "stored": value,
        "url": "",
        "quality": 90 if kind == "pdq" else None,
        "within_bits": None,
        "reach": None,
        "content": None,
        "labels": ["manifesto"],
        "ideology": None,
        "entity": None,
        "language": None,
        "severity": "high",
        "provenance": "perpetrator",
        "confidence": 80,
        "tlp": "amber",
        "pap": "green",
        "audience": [],
        "disputed": False,
        "crisis": None,
        "exercise": False,
        "shared_by": "be-crisis-centre",
        "shared_at": NOON,
        "expires_at": None,
        "withdraw_reason": "",
        "via": [],
        "hub": "",
    }
    return plain | facts


def made(**facts):
    later = NOON + timedelta(seconds=1)
    return indicator(row(**facts), created_by=BY, created=NOON, modified=later)


def check(stix):
    """What strict readers say of an object."""
    # Importing it takes some seconds, which only those who call this wait for.
    from stix2validator import ValidationOptions, validate_instance

    read = stix2.parse(json.loads(json.dumps(stix)), allow_custom=False)
    said = validate_instance(json.loads(json.dumps(stix)), ValidationOptions(version="2.1"))
    assert said.is_valid, said.errors
    assert not said.warnings, said.warnings
    return read


LONG = text_value(3, grams=100).hex()
ROWS = [
    {},
    {"kind": "md5"},
    {"kind": "sha256"},
    {"kind": "url", "url": "evil.example/it's/a?b=%27\\c"},
    {"kind": "url", "url": "evil.example/a/", "reach": "folder"},
    {"kind": "url"},
    {"kind": "text", "value": LONG},
    {"tlp": "red", "audience": ["big-video"], "pap": "red", "expires_at": NOON.replace(year=2099)},
    {"state": "withdrawn", "withdraw_reason": "mistake", "disputed": True, "exercise": True},
    {"ideology": "jihadist", "entity": "EU 2023/1514 II.3", "within_bits": 20, "content": uuid4()},
    {"language": "sr-Latn"},
]


@pytest.mark.nightly
@pytest.mark.parametrize("facts", ROWS)
def test_an_indicator_of_ours_is_read_strictly_and_without_a_warning(facts):
    read = check(made(**facts))
    assert read.type == "indicator"
    assert bool(read.get("revoked")) is (facts.get("state") == "withdrawn")


@pytest.mark.parametrize("facts", [one for one in ROWS if "state" not in one])
def test_an_indicator_of_ours_is_read_back_as_the_signal_that_it_was_made_of(facts):
    import hashlib

    told = row(**facts)
    if is_long(Kind(told["kind"])):
        told["stored"] = hashlib.sha256(bytes.fromhex(told["value"])).hexdigest()
    stix = indicator(told, created_by=BY, created=NOON, modified=NOON)
    if told["kind"] == "url" and not told["url"]:
        (asked,) = read_patterns(stix["pattern"]).comparisons
        assert asked.is_digest
    (signal,) = signals_of(read_object(stix), crisis=None, exercise=False).signals
    kept = ("quality", "within_bits", "reach", "content", "ideology", "entity", "severity")
    for name in (*kept, "language", "provenance", "confidence", "tlp", "pap", "expires_at"):
        assert getattr(signal, name) == told[name], name
    assert list(signal.labels) == told["labels"]
    assert sorted(signal.audience) == told["audience"]
    expected = told["value"] if not told["url"] else f"https://{told['url']}"
    assert signal.value == expected


@pytest.mark.parametrize("stix", common_objects(), ids=lambda one: one["name"])
def test_what_every_collection_begins_with_is_read_strictly(stix):
    assert check(stix).id == stix["id"]


def test_every_label_of_tlp_has_its_marking_and_is_read_back():
    assert {TLP_OF[MARKING_OF[tlp]] for tlp in Tlp} == set(Tlp)


@given(st.uuids(version=4), st.text(max_size=30))
def test_ids_lead_back_to_their_signals_and_look_random(uid, word):
    assert uid in signal_uids(f"indicator--{uid}")
    name = named_id("identity", word)
    assert name == named_id("identity", word)
    assert re.fullmatch(r"identity--[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab].*", name)


def test_a_signals_id_is_its_indicators_with_another_version():
    from uuid import UUID

    uid = UUID(V7)
    assert indicator_id(uid) == f"indicator--{V7.replace('-7815-', '-4815-')}"
    assert uid in signal_uids(indicator_id(uid))
    assert signal_uids("malware--x") == signal_uids("indicator--x") == ()


SCHEMA = json.loads(files("stemtide.interop.stix").joinpath("extension.json").read_text("utf-8"))


@pytest.fixture
def jsonschema():
    """The library, which parses grammars for some seconds when it is imported."""
    import jsonschema

    return jsonschema


@pytest.mark.parametrize("kind", list(Kind))
def test_what_we_add_is_as_its_schema_says(kind, jsonschema):
    told = made(kind=kind.value, **({"quality": None} if kind is not Kind.PDQ else {}))
    jsonschema.validate(told["extensions"][EXTENSION], SCHEMA)
    assert set(told["extensions"][EXTENSION]) <= set(SCHEMA["properties"])


def test_the_schema_knows_every_field_and_every_word(jsonschema):
    properties = SCHEMA["properties"]
    assert set(_FIELDS) | {"kind", "state", "outcomes"} <= set(properties)
    words = {"kind": Kind, "state": SignalState, "severity": Severity, "provenance": Provenance}
    words |= {"pap": Pap, "reach": Reach, "withdraw_reason": WithdrawReason}
    for name, enum in words.items():
        # A signal that waits is in no collection.
        words_of = [word.value for word in enum if word is not SignalState.WAITING]
        assert properties[name]["enum"] == words_of, name
    assert set(properties["outcomes"]["propertyNames"]["enum"]) == set(Outcome)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"extension_type": "property-extension", "severity": "grave"}, SCHEMA)


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=60))
def test_any_address_stands_in_a_pattern_and_is_read_back(address):
    pattern = pattern_of(Kind.URL, value="ab" * 32, url=address, reach=None)
    (found,) = read_patterns(pattern).comparisons
    assert (found.kind, found.value) == (Kind.URL, f"https://{address}")


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "[]",
        "[file:name = 'a']",
        "[file:hashes.MD5 = 'a'] AND [file:hashes.PDQ = 'b']",
        "[file:hashes.MD5 != 'a']",
        "[file:hashes.'SHA-1' = 'a']",
        "[x-stemtide-magic:digest = 'a']",
        "[file:hashes.PDQ = 'a'",
        "[file:hashes.PDQ LIKE 'a%']",
    ],
)
def test_a_pattern_without_a_comparison_of_ours_is_left_alone(pattern):
    assert read_patterns(pattern).comparisons == ()


def posted(kind, **facts):
    at = stix_time(NOON)
    plain = {"type": kind, "id": f"{kind}--{uuid4()}", "created": at, "modified": at}
    return read_object(plain | facts)


@pytest.mark.parametrize(
    ("facts", "outcomes"),
    [
        ({}, {Outcome.LOGGED: 1}),
        ({"count": 9, "labels": ['stemtide:outcome="held"']}, {Outcome.HELD: 9}),
        (
            {"extensions": {EXTENSION: {"outcomes": {"blocked": 4, "reversed": 1, "held": 0}}}},
            {Outcome.BLOCKED: 4, Outcome.REVERSED: 1},
        ),
    ],
)
def test_a_sighting_says_what_became_of_it_or_that_it_was_seen(facts, outcomes):
    said = sighting_of(posted("sighting", sighting_of_ref="indicator--1", **facts))
    assert said.outcomes == outcomes
    assert said.first_at == said.last_at == NOON


@pytest.mark.parametrize(
    "facts",
    [
        {"sighting_of_ref": None},
        {"count": 0},
        {"count": True},
        {"count": 10**9},
        {"first_seen": "2026-11-25T00:00:00Z", "last_seen": "2026-11-24T00:00:00Z"},
        {"labels": ['stemtide:outcome="eaten"']},
        {"extensions": {EXTENSION: {"outcomes": 7}}},
        {"extensions": {EXTENSION: {"outcomes": {"blocked": 10**12}}}},
        {"extensions": {EXTENSION: {"outcomes": {}}}},
    ],
)
def test_a_sighting_that_counts_nothing_is_refused(facts):
    with pytest.raises(PostedError):
        sighting_of(posted("sighting", **{"sighting_of_ref": "indicator--1"} | facts))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("strongly-disagree", Opinion.DISPUTE),
        ("disagree", Opinion.DISPUTE),
        ("neutral", Opinion.SEEN),
        ("agree", Opinion.AGREE),
        ("strongly-agree", Opinion.AGREE),
    ],
)
def test_five_opinions_are_three(word, said):
    read = opinion_of(posted("opinion", opinion=word, object_refs=["indicator--1"]))
    assert (read.opinion, read.of) == (said, ("indicator--1",))


@pytest.mark.parametrize(
    "facts",
    [
        {"opinion": "meh"},
        {"object_refs": []},
        {"object_refs": "indicator--1"},
        {"object_refs": [7]},
        {"explanation": "x" * 501},
        {"explanation": 7},
    ],
)
def test_an_opinion_of_nothing_is_refused(facts):
    plain = {"opinion": "agree", "object_refs": ["indicator--1"]}
    with pytest.raises(PostedError):
        opinion_of(posted("opinion", **plain | facts))


def test_a_reason_is_one_of_ours_or_other():
    assert reason_of(posted("indicator")) == "other"
    tagged = posted("indicator", labels=['stemtide:withdraw-reason="context"'])
    assert reason_of(tagged) == "context"
    with pytest.raises(PostedError, match="one of"):
        reason_of(posted("indicator", labels=['stemtide:withdraw-reason="mood"']))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
_PROPERTIES = st.sampled_from(
    [
        *("id", "type", "created", "modified", "spec_version", "labels", "pattern", "extensions"),
        *("object_marking_refs", "valid_until", "confidence", "count", "object_refs", "opinion"),
        *("sighting_of_ref", "first_seen", "last_seen", "granular_markings", "explanation"),
    ]
)


@given(st.sampled_from(["indicator", "sighting", "opinion", "x-y"]), st.data())
def test_whatever_is_posted_is_read_or_refused_and_nothing_else(kind, data):
    """A hostile poster gets a refusal, never an error of ours."""
    at = stix_time(NOON)
    sent = {"type": kind, "id": f"{kind}--{uuid4()}", "created": at, "modified": at}
    sent |= {"pattern": f"[file:hashes.PDQ = '{hex_value()}']", "object_refs": ["a"]}
    sent |= {"sighting_of_ref": "a", "opinion": "agree"}
    ours = st.dictionaries(st.sampled_from(["value", "outcomes", "audience", "kind", "pap"]), _JSON)
    extension = st.fixed_dictionaries({EXTENSION: ours})
    sent |= data.draw(st.dictionaries(_PROPERTIES, _JSON | extension, max_size=5))
    try:
        read = read_object(sent)
        if kind == "indicator":
            signals_of(read, crisis=None, exercise=False)
            reason_of(read)
        elif kind == "sighting":
            sighting_of(read)
        elif kind == "opinion":
            opinion_of(read)
    except PostedError as error:
        assert str(error)  # noqa: PT017  # either is right
