# SPDX-License-Identifier: Apache-2.0
"""Build the signed JSON of an alert, for the channels that leave the hub."""

import json

from django.utils import translation

from stemtide.hub.rooms.alerts.channels.channel import Parcel
from stemtide.hub.rooms.alerts.texts import alerts as words
from stemtide.protocol import webhook_headers as webhooks

_OURS = "/alerts"
"""Source of an alert while the hub does not know its own address."""


def body(parcel: Parcel) -> bytes:
    """Return the JSON of a parcel, the same at every attempt except for its link."""
    with translation.override(parcel.language):
        title = words.title(parcel.kind, parcel.parameters, exercise=parcel.exercise)
        text = words.text(parcel.kind, parcel.parameters)
    fields = {
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
    event = {
        "type": _type(parcel),
        "timestamp": parcel.created_at.isoformat(),
        "data": fields,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def headers(parcel: Parcel, content: bytes) -> dict[str, str]:
    """Return the headers that sign a body: its id, the time, and a signature for each secret."""
    return webhooks.sign(
        str(parcel.delivery), content.decode(), secrets=parcel.secrets, at=parcel.now
    )


def event_headers(parcel: Parcel) -> dict[str, str]:
    """Return the headers that make a parcel a CloudEvent, the same at every attempt."""
    return webhooks.event(
        str(parcel.delivery),
        _type(parcel),
        source=parcel.desk or _OURS,
        happened_at=parcel.created_at,
    )


def _type(parcel: Parcel) -> str:
    """Return the event type of a parcel."""
    return f"alert.{parcel.kind}"
