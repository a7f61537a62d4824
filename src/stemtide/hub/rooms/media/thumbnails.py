# SPDX-License-Identifier: Apache-2.0
"""Re-encode received pictures as small ones of our own, in a sandboxed process."""

import atexit
from functools import cache

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.image.thumbnail import Still, jpeg, veiled
from stemtide.fingerprints.limits import ContentTooLargeError, DecodingLimits
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.signals.refused_values import refused_values
from stemtide.hub.rooms.signals.rules.signals import refused_content
from stemtide.protocol.messages.previews import MAX_STILL_BYTES

_LIMITS = DecodingLimits(max_input_bytes=MAX_STILL_BYTES, cpu_s=5, wall_s=10.0)
_OPTIONS = AnalysisOptions(still=True)


@cache
def _sandbox() -> Sandbox:
    """Return the worker, which starts with the first picture."""
    sandbox = Sandbox(workers=1, limits=_LIMITS)
    atexit.register(sandbox.close)
    return sandbox


def remake(blob: bytes) -> tuple[bytes, bytes]:
    """Return an untrusted picture file as two re-encoded ones: the whole, and its veil.

    raises: InvalidError if it cannot be decoded; RefusedContentError if it is on the hub's list of
            known abuse material; SandboxError.
    """
    try:
        analysis = _sandbox().analyse(blob, options=_OPTIONS, modality="image")
        if refused_values.current().holds_file(blob, analysis.fingerprints):
            raise refused_content()
        if analysis.still is None:
            why = "; ".join(analysis.fingerprints.remarks) or "it is no picture"
            raise InvalidError("still", "the hub cannot create a preview image: {why}", why=why)
        still = Still(*analysis.still)
    except (ContentTooLargeError, ValueError) as error:
        raise InvalidError(
            "still", "the hub cannot create a preview image: {error}", error=error
        ) from error
    return jpeg(still), veiled(still)
