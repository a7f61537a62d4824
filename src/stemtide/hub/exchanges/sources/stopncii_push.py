# SPDX-License-Identifier: Apache-2.0
"""Pushes to a server of StopNCII's shape: SubmitHashes, and Withdrawn by SubmitFeedback.

Such a server takes all records of a message or none: what it refuses is halved.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.exchanges.sources.halves import UNPROCESSABLE, in_halves
from stemtide.hub.exchanges.sources.port import Asking, Parcel, RefusedError
from stemtide.hub.exchanges.sources.stopncii import keys
from stemtide.hub.outside.asking import Question
from stemtide.protocol.handling import Pap
from stemtide.protocol.stopncii import PREFIX, TYPE_OF, Feedback, feedback_of_sharer

_SUBMIT, _FEEDBACK = 2, 3
_UNKNOWN = 404


def push(parcels: Sequence[Parcel], *, asking: Asking) -> tuple[dict[int, str], dict[int, str]]:
    """Submit some parcels, and take back others.

    returns: what was said of each (words of a refusal, "" where it was taken), and its value there.

    raises: SourceError.
    """

    def send(some: Sequence[Parcel]) -> dict[int, str]:
        return _send(some, asking=asking)

    back = [parcel for parcel in parcels if parcel.is_back]
    new = [parcel for parcel in parcels if not parcel.is_back]
    return in_halves([back, new], send=send, asking=asking), {parcel.pk: "" for parcel in parcels}


def _send(parcels: Sequence[Parcel], *, asking: Asking) -> dict[int, str]:
    """Send parcels of one sort in one message. raises: SourceError."""
    place = asking.place
    if parcels[0].is_back:
        name, use, word = "SubmitFeedback", _FEEDBACK, "hashFeedbacks"
        rows = [_taken_back(parcel) for parcel in parcels]
    else:
        name, use, word = "SubmitHashes", _SUBMIT, "hashRecords"
        rows = [
            _record(parcel, hub=place.hub, now_s=int(asking.now.timestamp())) for parcel in parcels
        ]
    headers = {**keys(place.secret, use=use), "content-type": "application/json"}
    body = msgspec.json.encode({"count": len(rows), word: rows})
    sent = Question(f"{place.push_address}/{name}", method="POST", headers=headers, body=body)
    try:
        asking.ask(sent)
    except RefusedError as error:
        if error.status != _UNKNOWN or not parcels[0].is_back:
            raise
        words = "it knows nothing that it could take back (404)"
        raise RefusedError(words, status=UNPROCESSABLE) from error
    return {parcel.pk: "" for parcel in parcels}


def _record(parcel: Parcel, *, hub: str, now_s: int) -> dict[str, Any]:
    """A signal as a record, with what the shape has no place for in tags."""
    row = parcel.row
    tags = [
        *(f"label:{one}" for one in row["labels"]),
        *(f"{name}:{row[name]}" for name in ("severity", "confidence", "tlp", "pap")),
        *(f"via:{one}" for one in row["via"]),
        f"hub:{hub}",
    ]
    said = {"feedbackValue": feedback_of_sharer(Pap(row["pap"])), "tags": tags}
    return {
        "lastModtimestamp": now_s,
        "signalType": f"{PREFIX}{TYPE_OF[Kind(row['kind'])]}",
        "hashValue": _value(row),
        "CSPFeedbacks": [said],
    }


def _taken_back(parcel: Parcel) -> dict[str, Any]:
    """What takes a record back."""
    return {
        "feedbackValue": Feedback.WITHDRAWN,
        "tags": ["withdrawn"],
        "hashValue": _value(parcel.row),
    }


def _value(row: dict[str, Any]) -> str:
    """What is compared there."""
    return f"https://{row['url']}" if row["kind"] == Kind.URL else str(row["stored"])
