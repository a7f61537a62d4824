# SPDX-License-Identifier: Apache-2.0
"""Fingerprint a plain text, web page or document. For the sandbox."""

from stemtide.fingerprints.analysis import Analysis, AnalysisOptions, Content, Progress, head_of
from stemtide.fingerprints.kinds import LIMIT, MAX_VALUE_BYTES, Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import DecodingLimits, LimitError
from stemtide.fingerprints.text.document import fingerprint_document, is_document
from stemtide.fingerprints.text.fingerprint import fingerprint_text, is_text
from stemtide.fingerprints.text.languages import guess

_MOST_GRAMS = MAX_VALUE_BYTES // 16


def sniff(head: bytes) -> str:
    """Return the media type of a text by its first bytes."""
    return is_document(head) or is_text(head)


def warm_up() -> None:
    """Read the tables that texts need, which are files."""
    page = "<p>an Überschrift of five words and their \u202f numbers \u0661 2</p>".encode()
    fingerprint_text(page, limits=DecodingLimits())


def analyse(
    content: Content, *, limits: DecodingLimits, options: AnalysisOptions, progress: Progress
) -> Analysis:
    """Fingerprint a text, a page or a PDF."""
    del progress  # a text is read in a moment
    head = head_of(content)
    read = fingerprint_document if is_document(head) else fingerprint_text
    try:
        text_print = read(content, limits=limits)
    except LimitError as error:
        return Analysis(Fingerprints((), media_type=sniff(head), remarks=(f"{LIMIT}{error}",)))
    value = text_print.at_most(_MOST_GRAMS).to_bytes()
    prints = (Fingerprint(Kind.TEXT, value),) if len(text_print.grams) else ()
    return Analysis(
        Fingerprints(prints, media_type=text_print.media_type, remarks=text_print.remarks),
        language=guess(text_print.beginning) if options.language and prints else None,
    )
