# SPDX-License-Identifier: Apache-2.0
"""Pulls from a server of StopNCII's shape: StopNCII itself, or another hub that speaks like it.

1 Ask for what changed in or after a second, page by page with the token of the page before.
2 A run that is through goes on from nextSetTimestamp, which is inclusive: that second comes twice.
3 What makes no way is an error: a page that brings nothing new and says that there is more, a time
  that goes back or lies in the future. A token may stay the same.

The secret is one key for everything, or several with commas between them: to fetch, of the
subscription, to submit, to give feedback.

source: the client in threatexchange 1.2 (StopNCIIAPI), and what it takes from a server.
"""

from typing import Any
from urllib.parse import urlencode

from stemtide.hub.exchanges.sources.port import (
    Asking,
    Known,
    LargeError,
    RefusedError,
    SourceError,
    pages_with,
    read_json,
)
from stemtide.hub.outside.asking import Question
from stemtide.protocol.exchange_stopncii import read_records
from stemtide.protocol.exchanges import Pull
from stemtide.protocol.stopncii import FIRST_START_S

PAGE, MAX_RECORDS = 800, 10_000
_MAX_TOKEN_CHARS = 2_000
_DAY_S = 86_400


def pull(checkpoint: dict[str, Any], *, asking: Asking, known: Known) -> Pull:  # noqa: ARG001  # as all sources
    """One page.

    checkpoint: start (seconds), token (of the page before), pages (marks of those before), size.

    raises: SourceError.
    """
    start = int(checkpoint.get("start", FIRST_START_S))
    size = int(checkpoint.get("size", PAGE))
    token = str(checkpoint.get("token", ""))
    asked = {"startTimestamp": start, "pageSize": size}
    if token:
        asked["nextPageToken"] = token  # type: ignore[assignment]  # a query takes both
    address = f"{asking.place.address}/FetchHashes?{urlencode(asked)}"
    try:
        answer = asking.ask(Question(address, headers=keys(asking.place.secret, use=0)))
    except LargeError:
        if size <= 1:
            raise
        return Pull(checkpoint={**checkpoint, "size": max(1, size // 4)}, more=True)
    except RefusedError as error:
        if error.status == 400 and token:  # noqa: PLR2004  # it forgot its token
            return Pull(checkpoint={"start": start}, more=True)
        raise
    page = read_json(answer)
    sent = page.get("hashRecords") if isinstance(page, dict) else None
    if not isinstance(sent, list) or len(sent) > MAX_RECORDS:
        raise SourceError("its answer is no page of records, or one of too many")
    onward, more = _onward(page, checkpoint=checkpoint, now_s=int(asking.now.timestamp()))
    if more and size != PAGE:
        onward["size"] = size
    told, faults, others = read_records(sent, hub=asking.place.hub)
    unknown = ", ".join(f"{count} of type {name or '?'}" for name, count in others.most_common(5))
    notes = (f"not taken: {unknown}",) if others else ()
    return Pull(told, faults, onward, more=more, others=others.total(), notes=notes)


def keys(secret: str, *, use: int) -> dict[str, str]:
    """The headers of a request. use: 0 to fetch, 2 to submit, 3 to give feedback."""
    several = [one.strip() for one in secret.split(",")]
    functions = several[use] if use < len(several) else several[0]
    subscription = several[1] if len(several) > 1 else several[0]
    return {
        "accept": "application/json",
        "x-functions-key": functions,
        "Ocp-Apim-Subscription-Key": subscription,
    }


def _onward(
    page: dict[str, Any], *, checkpoint: dict[str, Any], now_s: int
) -> tuple[dict[str, Any], bool]:
    """From where to go on, and whether at once. raises: SourceError where no way was made."""
    start = int(checkpoint.get("start", FIRST_START_S))
    following = page.get("nextSetTimestamp")
    if not isinstance(following, int) or isinstance(following, bool):
        raise SourceError("its nextSetTimestamp is no whole number")
    if following < start:
        raise SourceError("its times go back: nextSetTimestamp is before what we asked from")
    if following > now_s + _DAY_S:
        raise SourceError("its nextSetTimestamp lies in the future, or is not in seconds")
    if page.get("hasMoreRecords") is not True:
        return {"start": following}, False
    onward = page.get("nextPageToken")
    if isinstance(onward, str | int) and str(onward):
        if len(str(onward)) > _MAX_TOKEN_CHARS:
            raise SourceError("it says a nextPageToken that is too long: no way on")
        pages = pages_with(checkpoint, map(_version, page["hashRecords"]))
        is_same = str(onward) == str(checkpoint.get("token", ""))
        if pages is None or (is_same and not page["hashRecords"]):
            raise SourceError("it says that there is more, and brings nothing new: no way on")
        return {"start": start, "token": str(onward), "pages": pages}, True
    if following == start:
        raise SourceError("it says that there is more, and not where: no way on")
    return {"start": following}, True


def _version(sent: object) -> str:
    """A record of a page with its version."""
    record = sent if isinstance(sent, dict) else {"hashValue": sent}
    names = ("signalType", "hashValue", "lastModtimestamp")
    return " ".join(str(record.get(name)) for name in names)[:400]
