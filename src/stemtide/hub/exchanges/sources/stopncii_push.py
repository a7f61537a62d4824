# SPDX-License-Identifier: Apache-2.0
"""Pushes to a server of StopNCII's shape: SubmitHashes, and Withdrawn by SubmitFeedback.

Such a server takes all records of a message or none. So a message that is refused is halved, until
the record that is wrong stands alone; the others go.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.exchanges.sources.port import Asking, Parcel, RefusedError
from stemtide.hub.exchanges.sources.stopncii import keys
from stemtide.hub.outside.asking import Question
from stemtide.protocol.handling import Pap
from stemtide.protocol.stopncii import PREFIX, TYPE_OF, Feedback, feedback_of_sharer

_SUBMIT, _FEEDBACK = 2, 3
_NOT_RECORDS = {401, 403}
_UNKNOWN = 404


def push(parcels: Sequence[Parcel], *, asking: Asking) -> tuple[dict[int, str], dict[int, str]]:
    """Submit some parcels, and take back others.

    returns: what was said of each (words of a refusal, "" where it was taken), and its value there.

    raises: SourceError.
    """
    new = [one for one in parcels if not one.is_back]
    back = [one for one in parcels if one.is_back]
    told = _in_halves(back, asking=asking) | _in_halves(new, asking=asking)
    return told, {one.pk: "" for one in parcels}


def _in_halves(parcels: Sequence[Parcel], *, asking: Asking) -> dict[int, str]:
    """Send parcels of one sort; of those that are refused each half apart. raises: SourceError."""
    if not parcels:
        return {}
    try:
        _send(parcels, asking=asking)
    except RefusedError as error:
        if error.status in _NOT_RECORDS or (error.status == _UNKNOWN and not parcels[0].is_back):
            raise
        if len(parcels) == 1:
            return {parcels[0].pk: str(error)}
        middle = len(parcels) // 2
        first, second = parcels[:middle], parcels[middle:]
        return _in_halves(first, asking=asking) | _in_halves(second, asking=asking)
    return {one.pk: "" for one in parcels}


def _send(parcels: Sequence[Parcel], *, asking: Asking) -> None:
    """Send parcels of one sort in one message. raises: SourceError."""
    place = asking.place
    if parcels[0].is_back:
        name, use, word = "SubmitFeedback", _FEEDBACK, "hashFeedbacks"
        rows = [_taken_back(one) for one in parcels]
    else:
        name, use, word = "SubmitHashes", _SUBMIT, "hashRecords"
        rows = [_record(one, hub=place.hub, now_s=int(asking.now.timestamp())) for one in parcels]
    headers = {**keys(place.secret, use=use), "content-type": "application/json"}
    body = msgspec.json.encode({"count": len(rows), word: rows})
    asking.ask(Question(f"{place.push_address}/{name}", method="POST", headers=headers, body=body))


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
