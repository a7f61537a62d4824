# SPDX-License-Identifier: Apache-2.0
"""A signed POST to a contact point's address.

1 Where it may go, and what an answer means, is the same for all that the hub posts
  (outside/posting.py).
2 The body is signed by every secret that is valid now (Standard Webhooks), and is a CloudEvent.
3 The whole takes at most TIMEOUT_S.
"""

import json

from stemtide.hub.alerts.channels import letter
from stemtide.hub.alerts.channels.port import Fate, Parcel, Post, Result
from stemtide.hub.outside import posting

TIMEOUT_S = 10.0
"""How long all of one attempt may take, from the first connection to the end of the answer."""


def send(parcel: Parcel, *, post: Post) -> Result:
    """Post the alert once."""
    content = letter.body(parcel)
    told = posting.post(
        parcel.address,
        content=content,
        headers={**letter.headers(parcel, content), **letter.event_headers(parcel)},
        loopback=post.loopback,
        timeout_s=TIMEOUT_S,
        now=parcel.now,
    )
    if told.fate is Fate.SENT:
        acknowledged = _acknowledges(told.answer)
        return Result(Fate.SENT, is_acknowledged=acknowledged, proof=f"HTTP {told.status}")
    return Result(told.fate, told.words, wait=told.wait)


def _acknowledges(answer: bytes) -> bool:
    """Whether the answer is {"acknowledged": true, …}."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("acknowledged") is True
