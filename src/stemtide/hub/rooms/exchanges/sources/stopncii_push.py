# SPDX-License-Identifier: Apache-2.0
"""Push to a server with StopNCII's API: SubmitHashes, and Withdrawn by SubmitFeedback.

Such a server accepts all records of a message or none: refused messages are halved.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from stemtide.egress.requests import OutboundRequest
from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.exchanges.sources.bisect import UNPROCESSABLE, send_bisecting
from stemtide.hub.rooms.exchanges.sources.source import (
    OutgoingSignal,
    SourceClient,
    SourceRefusedError,
)
from stemtide.hub.rooms.exchanges.sources.stopncii import keys
from stemtide.interop.stopncii.records import PREFIX, TYPE_OF, Feedback, feedback_of_sharer
from stemtide.protocol.handling import Pap

_SUBMIT, _FEEDBACK = 2, 3
_UNKNOWN = 404


def push(
    outgoing_signals: Sequence[OutgoingSignal], *, client: SourceClient
) -> tuple[dict[int, str], dict[int, str]]:
    """Submit new signals and withdraw others.

    returns: the result of each (words of a refusal, "" if accepted), and its id there.

    raises: SourceError.
    """

    def send(batch: Sequence[OutgoingSignal]) -> dict[int, str]:
        return _send(batch, client=client)

    withdrawals = [
        outgoing_signal for outgoing_signal in outgoing_signals if outgoing_signal.is_back
    ]
    new = [outgoing_signal for outgoing_signal in outgoing_signals if not outgoing_signal.is_back]
    return send_bisecting([withdrawals, new], send=send, client=client), {
        outgoing_signal.pk: "" for outgoing_signal in outgoing_signals
    }


def _send(outgoing_signals: Sequence[OutgoingSignal], *, client: SourceClient) -> dict[int, str]:
    """Send signals of one type in one message. raises: SourceError."""
    endpoint = client.endpoint
    if outgoing_signals[0].is_back:
        name, use, list_name = "SubmitFeedback", _FEEDBACK, "hashFeedbacks"
        rows = [_taken_back(outgoing_signal) for outgoing_signal in outgoing_signals]
    else:
        name, use, list_name = "SubmitHashes", _SUBMIT, "hashRecords"
        rows = [
            _record(outgoing_signal, hub=endpoint.hub, now_s=int(client.now.timestamp()))
            for outgoing_signal in outgoing_signals
        ]
    headers = {**keys(endpoint.secret, use=use), "content-type": "application/json"}
    body = msgspec.json.encode({"count": len(rows), list_name: rows})
    request = OutboundRequest(
        f"{endpoint.push_address}/{name}", method="POST", headers=headers, body=body
    )
    try:
        client.ask(request)
    except SourceRefusedError as error:
        if error.status != _UNKNOWN or not outgoing_signals[0].is_back:
            raise
        words = "it knows nothing that it could take back (404)"
        raise SourceRefusedError(words, status=UNPROCESSABLE) from error
    return {outgoing_signal.pk: "" for outgoing_signal in outgoing_signals}


def _record(outgoing_signal: OutgoingSignal, *, hub: str, now_s: int) -> dict[str, Any]:
    """Return a signal as a record, with tags for facts that the format has no field for."""
    row = outgoing_signal.row
    tags = [
        *(f"label:{label}" for label in row["labels"]),
        *(f"{name}:{row[name]}" for name in ("severity", "confidence", "tlp", "pap")),
        *(f"via:{hop}" for hop in row["via"]),
        *(["exercise:yes"] if row["exercise"] else []),
        f"hub:{hub}",
    ]
    feedback = {"feedbackValue": feedback_of_sharer(Pap(row["pap"])), "tags": tags}
    return {
        "lastModtimestamp": now_s,
        "signalType": f"{PREFIX}{TYPE_OF[Kind(row['kind'])]}",
        "hashValue": _value(row),
        "CSPFeedbacks": [feedback],
    }


def _taken_back(outgoing_signal: OutgoingSignal) -> dict[str, Any]:
    """Return the feedback that withdraws a record."""
    return {
        "feedbackValue": Feedback.WITHDRAWN,
        "tags": ["withdrawn"],
        "hashValue": _value(outgoing_signal.row),
    }


def _value(row: dict[str, Any]) -> str:
    """Return the value that clients compare."""
    return f"https://{row['url']}" if row["kind"] == Kind.URL else str(row["stored"])
