# SPDX-License-Identifier: Apache-2.0
"""What schemathesis must be told of our media types: how what it makes up becomes their bytes."""

import schemathesis


@schemathesis.serializer(
    "application/pdf", "application/vnd.stemtide.hashes", "image/*", "video/*", "audio/*"
)
def write_bytes(ctx: object, value: object) -> bytes:  # noqa: ARG001  # schemathesis' own
    """The bytes as they are; anything else as text."""
    return value if isinstance(value, bytes) else str(value).encode()
