# SPDX-License-Identifier: Apache-2.0
"""Seals with a key that stays on a token, by PKCS #11: it never enters this process.

A token is another machine, or behaves as one: it can be gone, and it can hang. So each use opens a
session of its own, has a time limit, and waits for no use that hangs. After a use that hangs, all
tokens of that library are left alone for a while.

source: OASIS PKCS #11 Cryptographic Token Interface Base Specification 3.0.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from asn1crypto import x509
from cryptography import x509 as certificates
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.sign import signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

from stemtide.hub.platform.documents.pdf_seals import Seal

TIMEOUT_S = 5.0
"""How long a document waits for a token."""

_SIGNATURE_BYTES = 1024
_PROBE = b"stemtide: does this key belong to this certificate?"

PAUSE_S = 30.0
"""How long a library is left alone after a use that hangs: each page would wait for it."""

_Result = TypeVar("_Result")


class TokenError(Exception):
    """A token cannot seal at present. The message names the token, and no PIN."""


class TokenHangsError(TokenError):
    """A token does not answer, or another one of its library does not."""


@dataclass(slots=True)
class _Library:
    """The state of a library of tokens in this process.

    turn:        a log-in holds for the whole process: one use at a time.
    alone_until: no use before this time, in seconds of time.monotonic().
    """

    turn: threading.Lock = field(default_factory=threading.Lock)
    alone_until: float = float("-inf")


_libraries: dict[Path, _Library] = defaultdict(_Library)


@dataclass(frozen=True, slots=True)
class Token:
    """Where a key is. library: of the token's maker; label: the token's; key: the key's label."""

    library: Path
    label: str
    key: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenSeal(Seal):
    """A certificate whose key is on a token. key_der is empty."""

    token: Token | None = None

    def signer(self) -> signers.Signer:
        """Return a signer for one use."""
        if self.token is None:
            raise TypeError("a seal on a token names its token")
        return _TokenSigner(self, self.token)


def token_seal(token: Token, chain: Sequence[x509.Certificate]) -> TokenSeal:
    """Return the seal of a key on a token, tried once. chain: its certificate, and those above.

    raises: TokenError.
    """
    own, above = own_certificate(chain, label=token.label), chain[1:]
    seal = TokenSeal(
        key_der=b"",
        certificate_der=own.dump(),
        chain_der=tuple(certificate.dump() for certificate in above),
        token=token,
    )
    signature = asyncio.run(seal.signer().async_sign_raw(_PROBE, "sha256"))
    if not _fits(signature, own):
        raise TokenError(
            f"the key {token.key!r} on the token {token.label!r} does not belong to the"
            " certificate: name the right one in certificate_file"
        )
    return seal


def own_certificate(chain: Sequence[x509.Certificate], *, label: str) -> x509.Certificate:
    """Return the certificate of a token's key, the first of its chain. raises: TokenError."""
    if not chain:
        raise TokenError(f"the certificate of the token {label!r} is missing")
    return chain[0]


class _TokenSigner(signers.Signer):
    """Lets the token sign."""

    def __init__(self, seal: TokenSeal, token: Token) -> None:
        certificate, store = seal.certificate, SimpleCertificateStore()
        store.register_multiple([certificate, *seal.chain])
        super().__init__(signing_cert=certificate, cert_registry=store)
        self._certificate, self._token = certificate, token

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,
        dry_run: bool = False,  # noqa: FBT001, FBT002  # pyHanko's
    ) -> bytes:
        """Return a signature of data. raises: TokenError."""
        if dry_run:
            return bytes(_SIGNATURE_BYTES)
        return _in_turn(lambda: self._sign(data, digest_algorithm), token=self._token)

    def _sign(self, data: bytes, digest_algorithm: str) -> bytes:
        """Sign in a session of its own, which ends with the log-in."""
        from pyhanko.sign.pkcs11 import PKCS11Signer  # noqa: PLC0415  # an extra of the package

        token = self._token
        is_curve = self._certificate.public_key.algorithm == "ec"
        with _slot(token).open(user_pin=token.pin) as session:
            signer = PKCS11Signer(
                session,
                signing_cert=self._certificate,
                key_label=token.key,
                use_raw_mechanism=is_curve,  # many tokens hash for RSA alone
            )
            return bytes(asyncio.run(signer.async_sign_raw(data, digest_algorithm)))


def _slot(token: Token) -> Any:  # noqa: ANN401  # python-pkcs11 has no types
    """Return the token in its slot. raises: TokenError."""
    try:
        import pkcs11  # noqa: PLC0415  # an extra of the package
    except ImportError as error:
        raise TokenError(
            "keys on tokens need python-pkcs11: install stemtide with the extra pkcs11"
        ) from error
    library = pkcs11.lib(str(token.library))
    try:
        return library.get_token(token_label=token.label)
    except pkcs11.PKCS11Error:
        library.reinitialize()  # a library lists at its start what is plugged in
        return library.get_token(token_label=token.label)


def _in_turn(work: Callable[[], _Result], *, token: Token) -> _Result:
    """Return the result of the work, done in a thread that may be left behind if it hangs.

    raises: TokenError; TokenHangsError, also without a try while its library is left alone.
    """
    library = _libraries[token.library]
    if time.monotonic() < library.alone_until:
        raise TokenHangsError(
            f"the token {token.label!r} is left alone: its library did not answer"
        )
    if not library.turn.acquire(timeout=TIMEOUT_S):
        library.alone_until = time.monotonic() + PAUSE_S
        raise TokenHangsError(f"the token {token.label!r} waits for another that does not answer")
    results: list[_Result] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001  # libraries of tokens raise what they like
            errors.append(error)
        finally:
            library.alone_until = float("-inf")  # it answers
            library.turn.release()

    thread = threading.Thread(target=run, name="token", daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    if results:
        return results[0]
    if not errors:
        library.alone_until = time.monotonic() + PAUSE_S
        raise TokenHangsError(f"the token {token.label!r} does not answer within {TIMEOUT_S:.0f} s")
    if isinstance(errors[0], TokenError):
        raise errors[0]
    why = " ".join(str(errors[0]).split())[:120] or type(errors[0]).__name__
    raise TokenError(f"the token {token.label!r} cannot be used: {why}") from errors[0]


def _fits(signature: bytes, certificate: x509.Certificate) -> bool:
    """Whether a signature of the probe was made with the key of a certificate."""
    key = certificates.load_der_x509_certificate(certificate.dump()).public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, _PROBE, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, _PROBE, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True
