# SPDX-License-Identifier: Apache-2.0
"""What schemathesis must be told of our media types: how what it makes up becomes a PDF's bytes."""

import schemathesis


@schemathesis.serializer("application/pdf")
def write_pdf(ctx: object, value: object) -> bytes:  # noqa: ARG001  # schemathesis' own
    """The bytes as they are; anything else as text."""
    return value if isinstance(value, bytes) else str(value).encode()
