# SPDX-License-Identifier: Apache-2.0
"""What a party signs of a signal: each fact that it decides, written as the format says."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.fingerprints.text.fingerprint import sketch
from stemtide.fingerprints.url.canonical import UrlError
from stemtide.protocol.signing.secret_keys import SecretKeyError, SignerSecret
from stemtide.protocol.signing.signatures import (
    SIGNED,
    SignerKey,
    is_signed,
    text_of_signal,
    text_to_sign,
)
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.tlog.notes import NoteError
from tests.agent.test_long_kinds import made_words
from tests.world import NOON, signal_in

PARTY = "be-ctu"
SECRET = SignerSecret(PARTY, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
PLAIN = {
    "op": "put",
    "position": 1,
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "disputed": False,
    "crisis": None,
    "content": None,
    "shared_by": PARTY,
    "shared_at": NOON,
    "expires_at": None,
}


def in_feed(body, **changes):
    """A signal as the feed shows it once it was shared."""
    facts = body.model_dump(include={*SIGNED, "signature"})
    return FeedSignal.model_validate(PLAIN | facts | changes)


def test_the_text_is_the_one_that_the_format_names():
    body = signal_in(labels=("perpetrator-content", "incitement"), tlp="amber", language="nl")
    expected = (
        "stemtide-signal/1\n"
        '{"confidence":80,"entity":null,"exercise":false,"ideology":null,"kind":"pdq",'
        '"labels":["incitement","perpetrator-content"],"language":"nl","pap":"green",'
        '"provenance":"unknown","quality":90,"reach":null,"severity":"high","shared_by":"be-ctu",'
        f'"tlp":"amber","value":"{body.value}","within_bits":null}}'
    )
    assert text_to_sign(body, party=PARTY).decode() == expected


def test_what_is_signed_when_it_is_shared_is_what_the_feed_shows():
    body = SECRET.sign(signal_in())
    assert text_of_signal(in_feed(body)) == text_to_sign(body, party=PARTY)
    assert is_signed(in_feed(body), [SECRET.public])


CHANGES = {
    "kind": "sha256",
    "value": "0" * 64,
    "quality": 80,
    "within_bits": 20,
    "labels": ["incitement"],
    "ideology": "jihadist",
    "entity": "Somebody",
    "language": "fr",
    "severity": "critical",
    "provenance": "perpetrator",
    "confidence": 100,
    "tlp": "green",
    "pap": "clear",
    "exercise": True,
    "reach": "host",
    "shared_by": "another",
}


@pytest.mark.parametrize("name", SIGNED)
def test_no_fact_can_be_changed_under_a_signature(name):
    signal = in_feed(SECRET.sign(signal_in()))
    changed = FeedSignal.model_validate(signal.model_dump() | {name: CHANGES[name]})
    assert not is_signed(changed, [SECRET.public, SignerKey("another", SECRET.public.raw)])


def test_an_address_is_signed_in_its_canonical_spelling():
    body = signal_in(kind="url", value="HTTPS://Example.org:443/a/../b#c")
    digest = hashlib.sha256(b"example.org/b").hexdigest()
    signed = text_to_sign(body, party=PARTY)
    assert f'"value":"{digest}"'.encode() in signed
    same = signal_in(kind="url", value=digest)
    assert text_to_sign(same, party=PARTY) == signed
    assert text_to_sign(signal_in(kind="url", value=digest, reach="address"), party=PARTY) == signed


def test_an_address_that_no_signal_may_have_is_not_signed():
    with pytest.raises(UrlError):
        SECRET.sign(signal_in(kind="url", value="ftp://example.org/"))


def test_of_a_long_value_the_digest_of_its_digits_is_signed():
    value = sketch(" ".join(made_words(1, 900))).to_bytes().hex()
    body = SECRET.sign(signal_in(kind="text", value=value, quality=None))
    stored = in_feed(body, value=hashlib.sha256(value.encode()).hexdigest())
    assert is_signed(stored, [SECRET.public])


@pytest.mark.parametrize("signature", [None, "", "AAAA", "é", "A" * 86 + "=="])
def test_what_is_no_signature_proves_nothing(signature):
    assert not is_signed(in_feed(signal_in(), signature=signature), [SECRET.public])


def test_keys_of_others_prove_nothing():
    signal = in_feed(SECRET.sign(signal_in()))
    other = SignerSecret.new(PARTY)
    assert not is_signed(signal, [other.public, SignerKey("another", SECRET.public.raw)])
    assert is_signed(signal, [other.public, SECRET.public])


def test_a_private_key_is_a_line_that_can_be_read_again():
    again = SignerSecret.read(f"{SECRET}\n")
    assert again.public == SECRET.public
    assert SignerKey.read(str(SECRET.public)) == SECRET.public
    assert "PRIVATE" not in repr(SECRET)


@pytest.mark.parametrize(
    "text",
    ["", "PRIVATE+KEY+", str(SECRET)[:-8], str(SECRET).replace("be-ctu", "nl-ctu"), "another text"],
)
def test_a_file_without_a_key_is_named_without_its_content(text):
    with pytest.raises(SecretKeyError) as refused:
        SignerSecret.read(text)
    assert not text or text not in str(refused.value)


def test_a_public_key_of_another_form_is_refused():
    with pytest.raises(NoteError, match="is no key of a signer"):
        SignerKey.read("be-ctu+00000000+AAAA")
