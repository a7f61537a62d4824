# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of content that an exercise shares."""

from typing import Any

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.blanks import why_blank
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.sandbox.pool import Sandbox


def shareable_fields(blob: bytes, *, sandbox: Sandbox) -> list[dict[str, Any]]:
    """Return kind, value and quality of each fingerprint of a file that can be shared."""
    prints = sandbox.analyse(blob, options=AnalysisOptions(share=True)).fingerprints
    return [
        {"kind": fingerprint.kind, "value": fingerprint.hex, "quality": fingerprint.quality}
        for fingerprint in prints.each
        if fingerprint.kind is not Kind.MD5
        and not why_blank(fingerprint.kind, fingerprint.value, quality=fingerprint.quality)
    ]
