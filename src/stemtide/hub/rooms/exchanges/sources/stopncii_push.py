# SPDX-License-Identifier: Apache-2.0
"""Push to a server with StopNCII's API: SubmitHashes, and Withdrawn by SubmitFeedback.

Such a server accepts all records of a message or none: refused messages are halved.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.egress.requests import Question
from stemtide.hub.rooms.exchanges.sources.bisect import UNPROCESSABLE, in_halves
from stemtide.hub.rooms.exchanges.sources.source import Asking, Parcel, RefusedError
from stemtide.hub.rooms.exchanges.sources.stopncii import keys
from stemtide.interop.stopncii.records import PREFIX, TYPE_OF, Feedback, feedback_of_sharer
from stemtide.protocol.handling import Pap

_SUBMIT, _FEEDBACK = 2, 3
_UNKNOWN = 404


def push(parcels: Sequence[Parcel], *, asking: Asking) -> tuple[dict[int, str], dict[int, str]]:
    """Submit new signals and withdraw others.

    returns: the result of each (words of a refusal, "" if accepted), and its id there.

    raises: SourceError.
    """

    def send(batch: Sequence[Parcel]) -> dict[int, str]:
        return _send(batch, asking=asking)

    withdrawals = [parcel for parcel in parcels if parcel.is_back]
    new = [parcel for parcel in parcels if not parcel.is_back]
    return in_halves([withdrawals, new], send=send, asking=asking), {
        parcel.pk: "" for parcel in parcels
    }


def _send(parcels: Sequence[Parcel], *, asking: Asking) -> dict[int, str]:
    """Send parcels of one type in one message. raises: SourceError."""
    place = asking.place
    if parcels[0].is_back:
        name, use, list_name = "SubmitFeedback", _FEEDBACK, "hashFeedbacks"
        rows = [_taken_back(parcel) for parcel in parcels]
    else:
        name, use, list_name = "SubmitHashes", _SUBMIT, "hashRecords"
        rows = [
            _record(parcel, hub=place.hub, now_s=int(asking.now.timestamp())) for parcel in parcels
        ]
    headers = {**keys(place.secret, use=use), "content-type": "application/json"}
    body = msgspec.json.encode({"count": len(rows), list_name: rows})
    request = Question(f"{place.push_address}/{name}", method="POST", headers=headers, body=body)
    try:
        asking.ask(request)
    except RefusedError as error:
        if error.status != _UNKNOWN or not parcels[0].is_back:
            raise
        words = "it knows nothing that it could take back (404)"
        raise RefusedError(words, status=UNPROCESSABLE) from error
    return {parcel.pk: "" for parcel in parcels}


def _record(parcel: Parcel, *, hub: str, now_s: int) -> dict[str, Any]:
    """Return a signal as a record, with tags for facts that the format has no field for."""
    row = parcel.row
    tags = [
        *(f"label:{label}" for label in row["labels"]),
        *(f"{name}:{row[name]}" for name in ("severity", "confidence", "tlp", "pap")),
        *(f"via:{hop}" for hop in row["via"]),
        f"hub:{hub}",
    ]
    feedback = {"feedbackValue": feedback_of_sharer(Pap(row["pap"])), "tags": tags}
    return {
        "lastModtimestamp": now_s,
        "signalType": f"{PREFIX}{TYPE_OF[Kind(row['kind'])]}",
        "hashValue": _value(row),
        "CSPFeedbacks": [feedback],
    }


def _taken_back(parcel: Parcel) -> dict[str, Any]:
    """Return the feedback that withdraws a record."""
    return {
        "feedbackValue": Feedback.WITHDRAWN,
        "tags": ["withdrawn"],
        "hashValue": _value(parcel.row),
    }


def _value(row: dict[str, Any]) -> str:
    """Return the value that clients compare."""
    return f"https://{row['url']}" if row["kind"] == Kind.URL else str(row["stored"])
