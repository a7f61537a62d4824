# SPDX-License-Identifier: Apache-2.0
"""Fingerprint the text layer of PDF documents, with the same sketches as plain text.

PDFium, which browsers use too, reads PDF. It runs in the sandbox's worker, and may crash.
"""

import re
import time
from collections.abc import Iterator

import pypdfium2

from stemtide.fingerprints.analysis import Content
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.text.fingerprint import MAX_CHARS, TextPrint, read_content, sketch

MAX_PAGES = 3000
"""Maximum number of pages of a document that are read."""

_HEAD_BYTES = 1024
_HYPHEN = re.compile(r"[\ufffe\u0002\u00ad]\s{0,4}")
_BROKEN_WORD = re.compile(r"(?<=[a-zäöüß])-\r?\n(?=[a-zäöüß])")


def is_document(head: bytes) -> str:
    """Return application/pdf if the first bytes are those of a PDF, "" otherwise.

    source: ISO 32000-1, appendix H: readers accept the mark anywhere in the first 1024 bytes.
    """
    return "application/pdf" if b"%PDF-" in head[:_HEAD_BYTES] else ""


def fingerprint_document(content: Content, *, limits: DecodingLimits) -> TextPrint:
    """Return the sketch of the text layer of a PDF.

    raises: ContentTooLargeError if it has more than max_input_bytes. Remarks report a missing text
            layer, encryption, damage, and pages that were left out.
    """
    reading = _Reading(read_content(content, limits=limits), limits)
    try:
        text = "".join(reading.pages())
    except pypdfium2.PdfiumError as error:
        text = ""
        reading.remarks.append(f"{UNDECODABLE}{_error_text(error)}")
    if not text.strip() and not reading.remarks:
        reading.remarks.append(
            f"{UNDECODABLE}this PDF has no text layer: its pages are pictures, and no text was read"
            " from them"
        )
    return sketch(text, media_type="application/pdf", remarks=tuple(reading.remarks))


class _Reading:
    """One pass over the pages of one PDF."""

    def __init__(self, blob: bytes, limits: DecodingLimits) -> None:
        self.remarks: list[str] = []
        self._blob = blob
        self._limits = limits
        self._began_s, self._used_s = time.monotonic(), time.process_time()

    def pages(self) -> Iterator[str]:
        """Yield the text of each page, with hyphenated words joined."""
        pdf = pypdfium2.PdfDocument(self._blob)
        try:
            yield from self._pages_of(pdf)
        finally:
            pdf.close()

    def _pages_of(self, pdf: pypdfium2.PdfDocument) -> Iterator[str]:
        count, chars, damaged = len(pdf), 0, 0
        for number in range(count):
            if number >= MAX_PAGES or chars > MAX_CHARS or self._is_late():
                self.remarks.append(
                    f"{LIMIT}only the first {number:,} of {count:,} pages were looked at"
                )
                break
            try:
                text = _text_of(pdf, number)
            except pypdfium2.PdfiumError:
                damaged += 1
                continue
            chars += len(text)
            yield text + "\n"
        if damaged:
            self.remarks.append(f"{UNDECODABLE}{damaged:,} of {count:,} pages are damaged")

    def _is_late(self) -> bool:
        wall_s, cpu_s = time.monotonic() - self._began_s, time.process_time() - self._used_s
        return wall_s > self._limits.wall_s / 2 or cpu_s > self._limits.cpu_s / 2


def _text_of(pdf: pypdfium2.PdfDocument, number: int) -> str:
    page = pdf[number]
    try:
        layer = page.get_textpage()
        try:
            chars = min(layer.count_chars(), MAX_CHARS + 1)  # one more, so that `sketch` says it
            text = layer.get_text_range(0, chars) if chars > 0 else ""
        finally:
            layer.close()
    finally:
        page.close()
    return _BROKEN_WORD.sub("", _HYPHEN.sub("", text))


def _error_text(error: Exception) -> str:
    if "password" in str(error).lower():
        return "this PDF is encrypted: it opens with a password only"
    return f"this PDF is damaged ({' '.join(str(error).split())[:100]})"
