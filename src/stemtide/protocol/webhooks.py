# SPDX-License-Identifier: Apache-2.0
"""The headers of a webhook, of the hub as of the agent: who signed it, and which event it is.

source: Standard Webhooks, https://www.standardwebhooks.com; CloudEvents 1.0, HTTP protocol binding,
section 3.1 (binary content mode).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from standardwebhooks import Webhook as Signer

_SPECVERSION = "1.0"
_PLAIN = "".join(chr(one) for one in range(0x21, 0x7F) if chr(one) not in '"%')
"""What a header of CloudEvents holds as it is; source: HTTP protocol binding, section 3.1.3.2."""


def sign(name: str, text: str, *, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """The three headers that sign a body, with a signature by each secret.

    name: the id of the event, the same at every attempt. at: the time of this attempt, aware.
    """
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(one).sign(name, at, text) for one in secrets),
    }


def event(name: str, kind: str, *, source: str, happened_at: datetime) -> dict[str, str]:
    """The headers by which the same request is a CloudEvent, whose data is the body.

    source: an address, absolute or not, of whoever tells; with the id it names the event for ever.
    """
    return {
        "ce-specversion": _SPECVERSION,
        "ce-id": name,
        "ce-source": quote(source, safe=_PLAIN),
        "ce-type": kind,
        "ce-time": happened_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
