# SPDX-License-Identifier: Apache-2.0
"""Deliver an alert as a signed POST to a contact point's address.

1 Allowed addresses, and the meaning of responses, are the same for all webhooks
  (egress/posts.py).
2 The body is signed with every currently valid secret (Standard Webhooks), and is a CloudEvent.
3 An attempt takes at most TIMEOUT_S in total.
"""

import json

from stemtide.egress import posts
from stemtide.hub.rooms.alerts.channels import letter
from stemtide.hub.rooms.alerts.channels.channel import (
    OutgoingAlert,
    PostOutcome,
    Result,
    SendSettings,
)

TIMEOUT_S = 10.0
"""Longest duration of one attempt, from connecting to the end of the response."""


def send(outgoing: OutgoingAlert, *, post: SendSettings) -> Result:
    """Post the alert, one attempt."""
    content = letter.body(outgoing)
    response = posts.post(
        outgoing.address,
        content=content,
        headers={**letter.headers(outgoing, content), **letter.event_headers(outgoing)},
        loopback=post.loopback,
        timeout_s=TIMEOUT_S,
        now=outgoing.now,
    )
    if response.fate is PostOutcome.SENT:
        acknowledged = _acknowledges(response.answer)
        return Result(
            PostOutcome.SENT, is_acknowledged=acknowledged, proof=f"HTTP {response.status}"
        )
    return Result(response.fate, response.words, wait=response.wait)


def _acknowledges(answer: bytes) -> bool:
    """Whether the response body is {"acknowledged": true, …}."""
    try:
        payload = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(payload, dict) and payload.get("acknowledged") is True
