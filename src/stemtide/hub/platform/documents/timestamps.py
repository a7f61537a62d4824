# SPDX-License-Identifier: Apache-2.0
"""Time stamps on seals, from the authority that the hub's operator names. Off by default.

1 One request to a checked address, as to any other server (egress): no redirects, a time limit.
2 The answer must be about our digest and nonce, signed, and by an authority that the hub trusts.
3 Without such an answer there is no time stamp: the document is sealed, and says so.
4 After a failure the authority is left alone for a while, so that a flood of orders does not wait.

source: RFC 3161 (Time-Stamp Protocol); ETSI EN 319 142-1 (PAdES, baseline B-T).
"""

import asyncio
import hashlib
import logging
import time
from functools import lru_cache
from pathlib import Path

from asn1crypto import cms, tsp, x509
from django.conf import settings
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from stemtide.egress.addresses import AllowedAddresses
from stemtide.egress.requests import NoAnswerError, OutboundRequest, send_request
from stemtide.hub.platform.documents import seal_files
from stemtide.hub.platform.documents.pdf_seals import MAX_TIMESTAMP_BYTES
from stemtide.protocol.messages.documents import StampState

log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
"""How long a document waits for a time stamp."""

_PAUSE_S = 60.0
_OK = 200
_HEADERS = {
    "content-type": "application/timestamp-query",
    "accept": "application/timestamp-reply",
}

_failures: dict[str, float] = {}
"""When an authority last failed, in seconds of time.monotonic(), by its address."""


class TimestampError(Exception):
    """There is no time stamp. The message says why."""


def is_on() -> bool:
    """Whether the operator has named a time stamp authority."""
    return bool(settings.TIMESTAMP_URL)


def state() -> StampState:
    """Return whether documents are to be stamped, or why not."""
    if not is_on():
        return StampState.OFF
    return StampState.MISSING if _has_just_failed() else StampState.STAMPED


def _has_just_failed() -> bool:
    """Whether the authority failed a moment ago, and is left alone."""
    failed_at = _failures.get(settings.TIMESTAMP_URL)
    return failed_at is not None and time.monotonic() - failed_at < _PAUSE_S


def trusted_authorities() -> tuple[x509.Certificate, ...]:
    """Return the certificates of time stamp authorities that the hub trusts.

    raises: SealFileError.
    """
    if not settings.TIMESTAMP_TRUST_FILE:
        return ()
    path = Path(settings.TIMESTAMP_TRUST_FILE)
    return _trusted(path, seal_files.changed_at(path))


@lru_cache(maxsize=2)
def _trusted(path: Path, changed: int) -> tuple[x509.Certificate, ...]:  # noqa: ARG001  # a changed file is read again
    """Return the certificates in a file. raises: SealFileError."""
    return seal_files.trusted_in(path)


class BoundedTimeStamper(TimeStamper):
    """Asks the configured authority for a time stamp, and checks the answer."""

    def __init__(self, url: str) -> None:
        super().__init__(include_nonce=True)  # type: ignore[no-untyped-call]  # pyHanko's
        self._url = url
        self.signer = ""

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """Return a checked time stamp of a digest. raises: TimestampError."""
        try:
            token = await super().async_timestamp(message_digest, md_algorithm)
            self.signer = await _check(token, message_digest, algorithm=md_algorithm)
        except Exception as error:  # asn1crypto and pyHanko raise what they like on bad input
            _failures[self._url] = time.monotonic()
            why = " ".join(str(error).split())[:200] or type(error).__name__
            log.warning("no time stamp: %s", why)
            raise TimestampError(why) from error
        _failures.pop(self._url, None)
        return token

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Send a request and return the answer. raises: NoAnswerError, ValueError."""
        reach = AllowedAddresses(
            # Plain http too, as most authorities have it: an answer that was altered on its way
            # fails its signature.
            schemes=frozenset({"http", "https"}),
            ports=frozenset({80, 443, 8443}),
            loopback=settings.TIMESTAMP_LOOPBACK,
        )
        response = send_request(
            OutboundRequest(self._url, "POST", headers=_HEADERS, body=req.dump()),
            reach=reach,
            until=time.monotonic() + TIMEOUT_S,
            max_bytes=MAX_TIMESTAMP_BYTES,
        )
        if response.status != _OK:
            raise NoAnswerError(f"the time stamp authority answered {response.status}")
        return tsp.TimeStampResp.load(response.body, strict=True)


async def _check(token: cms.ContentInfo, digest: bytes, *, algorithm: str) -> str:
    """Return who signed a time stamp; refuse one of something else, or by a stranger.

    raises: TimestampError, SignatureValidationError.
    """
    context = ValidationContext(
        trust_roots=list(trusted_authorities()), allow_fetching=False, revocation_mode="soft-fail"
    )
    facts = await validate_tst_signed_data(
        token["content"], context, lambda name: digest if name == algorithm else b""
    )
    status = TimestampSignatureStatus(**facts)
    if not (status.intact and status.valid):
        raise TimestampError("it is about something else, or was altered")
    if not status.trusted:
        raise TimestampError("who signed it is not in STEMTIDE_TIMESTAMP_TRUST_FILE")
    return str(status.signing_cert.subject.human_friendly)


def stamper() -> BoundedTimeStamper:
    """Return a time stamper of the configured authority, for one document."""
    return BoundedTimeStamper(settings.TIMESTAMP_URL)


def try_once() -> tuple[str, str]:
    """Ask the configured authority for a time stamp of nothing.

    returns: who signs and "", or "" and the reason.
    """
    try:
        asker = stamper()
        asyncio.run(asker.async_timestamp(hashlib.sha256().digest(), "sha256"))
    except TimestampError as error:
        return "", str(error)
    return asker.signer, ""
