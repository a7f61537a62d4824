# SPDX-License-Identifier: Apache-2.0
"""Headers of webhook requests, at hub and agent: signatures and CloudEvents attributes.

source: Standard Webhooks, https://www.standardwebhooks.com; CloudEvents 1.0, HTTP protocol binding,
section 3.1 (binary content mode).
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from standardwebhooks import Webhook as Signer

_SPECVERSION = "1.0"
_UNESCAPED = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""Characters that CloudEvents headers carry unescaped; source: HTTP protocol binding, section
3.1.3.2.
"""


GONE = 410
"""Status of a receiver that must not be called again."""


def derived_secret(root: str, name: str) -> str:
    """Return a signing secret ("whsec_…") derived from the hub's root secret, so never stored."""
    digest = hmac.new(root.encode(), name.encode(), hashlib.sha256).digest()
    return f"whsec_{base64.b64encode(digest).decode()}"


def sign(name: str, text: str, *, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """Return the three headers that sign a body, with a signature by each secret.

    name: the id of the event, the same at every attempt. at: the time of this attempt, aware.
    """
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(name, at, text) for secret in secrets),
    }


def event(name: str, kind: str, *, source: str, happened_at: datetime) -> dict[str, str]:
    """Return the headers that make the request a CloudEvent with the body as its data.

    source: URL of the sender, absolute or relative; with the id it identifies the event globally.
    """
    return {
        "ce-specversion": _SPECVERSION,
        "ce-id": name,
        "ce-source": quote(source, safe=_UNESCAPED),
        "ce-type": kind,
        "ce-time": happened_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
