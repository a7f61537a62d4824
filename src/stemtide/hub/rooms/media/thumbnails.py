# SPDX-License-Identifier: Apache-2.0
"""Pictures that were sent become small ones of our own making, in a sandbox of this process."""

import atexit
from functools import cache

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.image.thumbnail import Still, jpeg, veiled
from stemtide.fingerprints.limits import ContentTooLargeError, Limits
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.hub.platform.errors import InvalidError
from stemtide.protocol.messages.previews import MAX_STILL_BYTES

_LIMITS = Limits(max_input_bytes=MAX_STILL_BYTES, cpu_s=5, wall_s=10.0)
_OPTIONS = AnalysisOptions(still=True)


@cache
def _sandbox() -> Sandbox:
    """One worker, started when the first picture comes."""
    made = Sandbox(workers=1, limits=_LIMITS)
    atexit.register(made.close)
    return made


def remake(blob: bytes) -> tuple[bytes, bytes]:
    """A picture file of a stranger as two of ours: the whole, and its veil.

    raises: InvalidError where no picture comes of it; SandboxError.
    """
    try:
        found = _sandbox().analyse(blob, options=_OPTIONS, modality="image")
        if found.still is None:
            why = "; ".join(found.fingerprints.remarks) or "it is no picture"
            raise InvalidError("still", "no picture can be made of it: {why}", why=why)
        still = Still(*found.still)
    except (ContentTooLargeError, ValueError) as error:
        raise InvalidError("still", "no picture can be made of it: {error}", error=error) from error
    return jpeg(still), veiled(still)
