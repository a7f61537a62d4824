# SPDX-License-Identifier: Apache-2.0
"""Build the signed JSON of an alert, for the channels that leave the hub."""

import json

from django.utils import translation

from stemtide.hub.rooms.alerts.channels.channel import OutgoingAlert
from stemtide.hub.rooms.alerts.texts import alerts
from stemtide.protocol import webhook_headers

_OURS = "/alerts"
"""Source of an alert while the hub does not know its own address."""


def body(outgoing: OutgoingAlert) -> bytes:
    """Return the JSON of an alert, the same at every attempt except for its link."""
    with translation.override(outgoing.language):
        title = alerts.title(outgoing.kind, outgoing.parameters, exercise=outgoing.exercise)
        text = alerts.text(outgoing.kind, outgoing.parameters)
    fields = {
        "id": str(outgoing.alert),
        "delivery": str(outgoing.delivery),
        "kind": outgoing.kind,
        "urgency": str(outgoing.urgency),
        "exercise": outgoing.exercise,
        "party": outgoing.party,
        "crisis": str(outgoing.crisis) if outgoing.crisis else None,
        "subject": outgoing.subject,
        "language": outgoing.language,
        "title": title,
        "text": text,
        "acknowledge": outgoing.link or None,
        "desk": outgoing.desk or None,
        **({"request": outgoing.request} if outgoing.request is not None else {}),
    }
    event = {
        "type": _type(outgoing),
        "timestamp": outgoing.created_at.isoformat(),
        "data": fields,
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def headers(outgoing: OutgoingAlert, content: bytes) -> dict[str, str]:
    """Return the headers that sign a body: its id, the time, and a signature for each secret."""
    return webhook_headers.sign(
        str(outgoing.delivery), content.decode(), secrets=outgoing.secrets, at=outgoing.now
    )


def event_headers(outgoing: OutgoingAlert) -> dict[str, str]:
    """Return the headers that make an alert a CloudEvent, the same at every attempt."""
    return webhook_headers.event(
        str(outgoing.delivery),
        _type(outgoing),
        source=outgoing.desk or _OURS,
        happened_at=outgoing.created_at,
    )


def _type(outgoing: OutgoingAlert) -> str:
    """Return the event type of an alert."""
    return f"alert.{outgoing.kind}"
