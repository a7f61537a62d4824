# SPDX-License-Identifier: Apache-2.0
"""Verify one untrusted PDF, and print its seals as JSON.

Run as `python -I -m stemtide.hub.platform.documents.verifier_process` by verification.py.
It reads one line of JSON (the trusted certificates, and the time), then the PDF, and writes one
object. It ends after one document.
"""

import asyncio
import importlib
import io
import json
import logging
import resource
import selectors
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils.decode_limits import DecodeLimits
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation import SignatureCoverageLevel, async_validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus, TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox.lockdown import isolate, lock_down
from stemtide.hub.platform.documents.form_data import decode
from stemtide.hub.platform.documents.signatures import USAGE, seal_seen
from stemtide.protocol.messages.documents import StampSeen

_CPU_S = 15
_LIMITS = DecodingLimits(memory_bytes=768 << 20, cpu_s=_CPU_S)
_MOST_SEALS = 16

_LOADED_ON_DEMAND = (
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.hazmat.primitives.asymmetric.dsa",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.hazmat.primitives.asymmetric.ed448",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "lxml.etree",
    "pyhanko.pdf_utils.crypt.pdfmac",
    "pyhanko.pdf_utils.filters",
    "pyhanko.pdf_utils.metadata.xmp_xml",
    "pyhanko.sign.validation.pdf_embedded",
    "pyhanko_certvalidator.path",
    "stringprep",
)
"""Modules that the libraries import when a document first needs them, which is too late here."""


def main() -> None:
    """Verify the document on standard input."""
    logging.disable()  # what is wrong with a document is said once, in the answer
    head, _, pdf = sys.stdin.buffer.read().partition(b"\n")
    question = json.loads(head)
    for module in _LOADED_ON_DEMAND:
        importlib.import_module(module)
    # The lockdown forbids epoll, and the pair of sockets that a loop makes.
    loop = asyncio.SelectorEventLoop(selectors.PollSelector())
    isolate()
    lock_down(_LIMITS)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S + 1))
    try:
        reader = _reader(pdf)
        seals = loop.run_until_complete(_seals(reader, question=question))
        answer: dict[str, object] = {"seals": seals, "form": _form_data(reader)}
    except (PdfError, SignatureValidationError, SigningError) as error:
        answer = {"why": f"it cannot be read as a PDF: {_plain(error)}"}
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, AssertionError) as error:
        answer = {"why": f"it is no whole PDF ({type(error).__name__})"}
    except RecursionError:
        answer = {"why": "it is nested too deeply"}
    sys.stdout.write(json.dumps(answer))


def _reader(pdf: bytes) -> PdfFileReader:
    """Open a PDF."""
    if not pdf.startswith(b"%PDF-"):
        raise PdfError("it does not begin as one")
    reader = PdfFileReader(io.BytesIO(pdf), decode_limits=DecodeLimits())
    if reader.encrypted:
        raise PdfError("it is encrypted")
    return reader


def _form_data(reader: PdfFileReader) -> dict[str, object]:
    """Return the entries of a form that a hub wrote into a PDF; empty if there are none."""
    trailer = reader.trailer
    subject = trailer["/Info"].get("/Subject", "") if "/Info" in trailer else ""
    return decode(str(subject))


async def _seals(reader: PdfFileReader, *, question: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each seal and signature, in the order in which they were added."""
    embedded = list(reader.embedded_signatures)
    if len(embedded) > _MOST_SEALS:
        raise PdfError(f"it bears more than {_MOST_SEALS} signatures")
    fields = {signature.field_name for signature in embedded}
    return [await _seal(signature, fields=fields, question=question) for signature in embedded]


async def _seal(
    signature: EmbeddedPdfSignature, *, fields: set[str], question: dict[str, Any]
) -> dict[str, Any]:
    """Return the content of one seal, and whether it is valid. fields: those of all seals."""
    own = [bytes.fromhex(question["own"])] if question["own"] else []
    parties = {bytes.fromhex(der): party for der, party in question["parties"].items()}
    named = [bytes.fromhex(der) for der in question["named"]]
    now = datetime.fromisoformat(question["now"])
    signer = signature.signer_cert.dump()
    # The certificate of a party speaks for itself alone: if it can issue others, those count not.
    context = _context([signer] if signer in parties else [*own, *named], now=now)
    stamps = _context([bytes.fromhex(der) for der in question["stamps"]], now=now)
    status = await async_validate_pdf_signature(
        signature, context, ts_validation_context=stamps, key_usage_settings=USAGE
    )
    is_whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    is_changed = not is_whole and not _has_only_more_seals(status, fields=fields)
    roots = [x509.Certificate.load(der) for der in own]
    summary = seal_seen(signature.signer_cert, status, now=now, roots=roots, parties=parties)
    about = {
        "sealed_at": _aware(signature.self_reported_timestamp),
        "reason": str(signature.sig_object.get("/Reason", ""))[:200],
        "is_intact": summary.is_intact and not is_changed,
        "is_whole": is_whole,
        "stamp": _stamp(status.timestamp_validity),
    }
    return summary.model_copy(update=about).model_dump(mode="json")


def _stamp(status: TimestampSignatureStatus | None) -> StampSeen | None:
    """Return the time stamp on a seal."""
    if status is None:
        return None
    return StampSeen(
        at=status.timestamp,
        signer=str(status.signing_cert.subject.human_friendly)[:300],
        fingerprint=status.signing_cert.sha256.hex(),
        is_intact=bool(status.intact and status.valid),
        is_trusted=bool(status.trusted),
    )


def _has_only_more_seals(status: PdfSignatureStatus, *, fields: set[str]) -> bool:
    """Whether nothing but other seals, and the data they need, was added after a seal."""
    diff = status.diff_result
    if not status.docmdp_ok or not isinstance(diff, DiffResult):
        return False
    is_filled = diff.modification_level is ModificationLevel.FORM_FILLING
    return diff.modification_level is ModificationLevel.LTA_UPDATES or (
        is_filled and diff.changed_form_fields <= fields
    )


def _context(roots: Sequence[bytes], *, now: datetime) -> ValidationContext:
    """Return the trusted certificates; nothing is fetched."""
    return ValidationContext(
        trust_roots=[x509.Certificate.load(der) for der in roots],
        moment=now,
        allow_fetching=False,
        revocation_mode="soft-fail",
    )


def _aware(at: datetime | None) -> datetime | None:
    """Return a time with its zone; without one it is UTC, as the standard says."""
    return at.replace(tzinfo=UTC) if at and not at.tzinfo else at


def _plain(error: Exception) -> str:
    """Return an error in a few words."""
    return " ".join(str(error).split())[:150]


if __name__ == "__main__":
    main()
