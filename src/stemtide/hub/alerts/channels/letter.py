# SPDX-License-Identifier: Apache-2.0
"""The signed JSON of an alert, for the channels that leave the hub.

source: Standard Webhooks, https://www.standardwebhooks.com (signatures, their headers).
"""

import json

from django.utils import translation
from standardwebhooks import Webhook as Signer

from stemtide.hub.alerts import words
from stemtide.hub.alerts.channels.port import Parcel


def body(parcel: Parcel) -> bytes:
    """The JSON of a parcel, the same at every attempt but for its link."""
    with translation.override(parcel.language):
        title = words.title(parcel.kind, parcel.parameters, exercise=parcel.exercise)
        text = words.text(parcel.kind, parcel.parameters)
    facts = {
        "id": str(parcel.alert),
        "delivery": str(parcel.delivery),
        "kind": parcel.kind,
        "urgency": str(parcel.urgency),
        "exercise": parcel.exercise,
        "party": parcel.party,
        "crisis": str(parcel.crisis) if parcel.crisis else None,
        "subject": parcel.subject,
        "language": parcel.language,
        "title": title,
        "text": text,
        "acknowledge": parcel.link or None,
        "desk": parcel.desk or None,
        **({"request": parcel.request} if parcel.request is not None else {}),
    }
    whole = {
        "type": f"alert.{parcel.kind}",
        "timestamp": parcel.created_at.isoformat(),
        "data": facts,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def headers(parcel: Parcel, content: bytes) -> dict[bytes | str, bytes | str]:
    """The three headers that sign a body: its id, the time, and a signature by each secret."""
    name, text = str(parcel.delivery), content.decode()
    signatures = [Signer(secret).sign(name, parcel.now, text) for secret in parcel.secrets]
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(parcel.now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
