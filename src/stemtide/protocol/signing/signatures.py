# SPDX-License-Identifier: Apache-2.0
"""Signatures of parties over the signals that they share: format stemtide-signal/1.

1 It is over "stemtide-signal/1", a newline, and the facts of SIGNED as JSON, with sorted keys
  and no spaces, in UTF-8. They are what the feed shows of a signal, as far as its sharer decides it
  and no act changes it.
2 The value of a URL is the digest of its canonical spelling. For kinds as long as their content it
  is the SHA-256 of the hex digits.
3 The signature is Ed25519, in base64. The key is the party's own: the hub has its public half only.
4 The key is written as C2SP writes verifier keys, under the name of the party.

Decision 0203.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stemtide.fingerprints.kinds import SIZE_BYTES, Kind
from stemtide.fingerprints.url import canonical as url
from stemtide.fingerprints.url.reach import UrlScope, rule_of
from stemtide.protocol.enums import Reach
from stemtide.protocol.messages.signals import SignalIn
from stemtide.protocol.sync.feed import FeedSignal
from stemtide.protocol.tlog.notes import VerifierKey, decode_base64, encode_base64

SIGNED = (
    *("kind", "value", "quality", "within_bits", "reach", "labels", "ideology", "entity"),
    *("language", "severity", "provenance", "confidence", "tlp", "pap", "exercise", "shared_by"),
)
"""Fields of a signal in the feed that its sharer signs."""

_FORMAT = b"stemtide-signal/1\n"
_DIGEST_DIGITS = 64
_HEX = frozenset("0123456789abcdef")


class SignerKey(VerifierKey):
    """The public key with which a party signs its signals. name: of the party."""

    algorithm = b"\x01"
    remedy = "is no key of a signer: copy it whole, as “stemtide signer show” prints it"


def signed_text(facts: Mapping[str, object]) -> bytes:
    """Return what is signed. facts: those of SIGNED, of which the feed has others as well."""
    chosen = {name: facts[name] for name in SIGNED}
    text = json.dumps(chosen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return _FORMAT + text.encode()


def text_of_signal(signal: FeedSignal) -> bytes:
    """Return what the sharer of a signal signed.

    signal: as an agent stores it: with the SHA-256 of the digits of a long value.
    """
    return signed_text(signal.model_dump(mode="json", include=set(SIGNED)))


def text_to_sign(body: SignalIn, *, party: str) -> bytes:
    """Return what a party signs of a signal that it shares.

    raises: UrlError for an address that no signal may have.
    """
    facts = body.model_dump(mode="json", include=set(SIGNED) - {"shared_by"})
    changes = {"value": signed_value(body), "labels": sorted(set(body.labels)), "shared_by": party}
    reach = None if body.reach in (None, Reach.ADDRESS) else body.reach.value
    return signed_text(facts | changes | {"reach": reach})


def signed_value(body: SignalIn) -> str:
    """Return the value of a signal as it is signed. raises: UrlError."""
    value = body.value.lower()
    if body.kind not in SIZE_BYTES:
        return sha256(value.encode()).hexdigest()
    is_digest = len(value) == _DIGEST_DIGITS and not set(value) - _HEX
    if body.kind is not Kind.URL or is_digest:
        return value
    scope = UrlScope[body.reach.name] if body.reach else UrlScope.ADDRESS
    return url.digest(rule_of(body.value, reach=scope)).hex()


def sign(body: SignalIn, *, key: Ed25519PrivateKey, party: str) -> SignalIn:
    """Return a signal with the signature of the party that shares it. raises: UrlError."""
    signature = encode_base64(key.sign(text_to_sign(body, party=party)))
    return body.model_copy(update={"signature": signature})


def is_signed(signal: FeedSignal, keys: Iterable[SignerKey]) -> bool:
    """Whether a signal has a signature of its sharer with one of these keys.

    signal: as in text_of_signal. keys: of any parties; those of the sharer count.
    """
    own = [key.raw for key in keys if key.name == signal.shared_by]
    if not own or not signal.signature:
        return False
    text = text_of_signal(signal)
    return any(has_signed(key, text, signal.signature) for key in own)


@lru_cache(maxsize=4096)  # the same signals match again and again
def has_signed(key: bytes, text: bytes, signature: str) -> bool:
    """Whether a public key made a signature of a text. signature: in base64."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(decode_base64(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True
