# SPDX-License-Identifier: Apache-2.0
"""The signed JSON of an alert, for the channels that leave the hub."""

import json

from django.utils import translation

from stemtide.hub.alerts import words
from stemtide.hub.alerts.channels.port import Parcel
from stemtide.protocol import webhooks

_OURS = "/alerts"
"""Tells where an alert is from while the hub does not know its own address."""


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
        "type": _type(parcel),
        "timestamp": parcel.created_at.isoformat(),
        "data": facts,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def headers(parcel: Parcel, content: bytes) -> dict[str, str]:
    """The three headers that sign a body: its id, the time, and a signature by each secret."""
    return webhooks.sign(
        str(parcel.delivery), content.decode(), secrets=parcel.secrets, at=parcel.now
    )


def event_headers(parcel: Parcel) -> dict[str, str]:
    """The headers by which a parcel is a CloudEvent as well, the same at every attempt."""
    return webhooks.event(
        str(parcel.delivery),
        _type(parcel),
        source=parcel.desk or _OURS,
        happened_at=parcel.created_at,
    )


def _type(parcel: Parcel) -> str:
    """What kind of event a parcel tells."""
    return f"alert.{parcel.kind}"
