# SPDX-License-Identifier: Apache-2.0
"""What there is to know a text by, be it plain, a page or a document. For the sandbox."""

from stemtide.fingerprints.analysis import Asked, Content, Look, Progress, head_of
from stemtide.fingerprints.kinds import LIMIT, MAX_VALUE_BYTES, Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.limits import LimitError, Limits
from stemtide.fingerprints.text.document import fingerprint_document, is_document
from stemtide.fingerprints.text.fingerprint import fingerprint_text, is_text

_MOST_GRAMS = MAX_VALUE_BYTES // 16


def sniff(head: bytes) -> str:
    """Say which kind of text the first bytes state."""
    return is_document(head) or is_text(head)


def look(content: Content, *, limits: Limits, asked: Asked, progress: Progress) -> Look:
    """Read a text, a page or a PDF, and sketch it."""
    del asked, progress  # a text is read in a moment, and looked up as it is shared
    head = head_of(content)
    read = fingerprint_document if is_document(head) else fingerprint_text
    try:
        found = read(content, limits=limits)
    except LimitError as error:
        return Look(Fingerprints((), media_type=sniff(head), remarks=(f"{LIMIT}{error}",)))
    value = found.at_most(_MOST_GRAMS).to_bytes()
    each = (Fingerprint(Kind.TEXT, value),) if len(found.grams) else ()
    return Look(Fingerprints(each, media_type=found.media_type, remarks=found.remarks))
