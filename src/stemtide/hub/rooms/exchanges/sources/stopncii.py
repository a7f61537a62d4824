# SPDX-License-Identifier: Apache-2.0
"""Pull from a server with StopNCII's API: StopNCII itself, or another hub that implements it.

1 Ask for records that changed in or after a second, page by page with the previous page's token.
2 A finished run continues from nextSetTimestamp, which is inclusive: that second comes twice.
3 A lack of progress is an error: a page that brings nothing new and claims that there is more, a
  time that goes back or lies in the future. A token may stay the same.

The secret is one key for everything, or several separated by commas: to fetch, of the subscription,
to submit, to give feedback.

source: the client in threatexchange 1.2 (StopNCIIAPI), and what it accepts from a server.
"""

from typing import Any
from urllib.parse import urlencode

from stemtide.egress.requests import OutboundRequest
from stemtide.hub.rooms.exchanges.sources.source import (
    LargeError,
    SourceClient,
    SourceError,
    SourceRefusedError,
    VersionsOf,
    pages_with,
    read_json,
)
from stemtide.interop.exchanges import Pull
from stemtide.interop.stopncii.pulled import read_records
from stemtide.interop.stopncii.records import FIRST_START_S

PAGE, MAX_RECORDS = 800, 10_000
_MAX_TOKEN_CHARS = 2_000
_DAY_S = 86_400


def pull(checkpoint: dict[str, Any], *, client: SourceClient, versions_of: VersionsOf) -> Pull:  # noqa: ARG001  # part of the Puller interface
    """Fetch one page.

    checkpoint: start (seconds), token (of the page before), pages (marks of those before), size.

    raises: SourceError.
    """
    start = int(checkpoint.get("start", FIRST_START_S))
    size = int(checkpoint.get("size", PAGE))
    token = str(checkpoint.get("token", ""))
    query = {"startTimestamp": start, "pageSize": size}
    if token:
        query["nextPageToken"] = token  # type: ignore[assignment]  # a query takes both
    address = f"{client.endpoint.address}/FetchHashes?{urlencode(query)}"
    try:
        response = client.ask(OutboundRequest(address, headers=keys(client.endpoint.secret, use=0)))
    except LargeError:
        if size <= 1:
            raise
        return Pull(checkpoint={**checkpoint, "size": max(1, size // 4)}, more=True)
    except SourceRefusedError as error:
        if error.status == 400 and token:  # noqa: PLR2004  # the token has expired
            return Pull(checkpoint={"start": start}, more=True)
        raise
    page = read_json(response)
    sent = page.get("hashRecords") if isinstance(page, dict) else None
    if not isinstance(sent, list) or len(sent) > MAX_RECORDS:
        raise SourceError("its answer is no page of records, or one of too many")
    onward, more = _onward(page, checkpoint=checkpoint, now_s=int(client.now.timestamp()))
    if more and size != PAGE:
        onward["size"] = size
    source_records, faults, others = read_records(sent, hub=client.endpoint.hub)
    unknown = ", ".join(f"{count} of type {name or '?'}" for name, count in others.most_common(5))
    notes = (f"not taken: {unknown}",) if others else ()
    return Pull(source_records, faults, onward, more=more, others=others.total(), notes=notes)


def keys(secret: str, *, use: int) -> dict[str, str]:
    """Return the headers of a request. use: 0 to fetch, 2 to submit, 3 to give feedback."""
    secrets = [part.strip() for part in secret.split(",")]
    function_key = secrets[use] if use < len(secrets) else secrets[0]
    subscription_key = secrets[1] if len(secrets) > 1 else secrets[0]
    return {
        "accept": "application/json",
        "x-functions-key": function_key,
        "Ocp-Apim-Subscription-Key": subscription_key,
    }


def _onward(
    page: dict[str, Any], *, checkpoint: dict[str, Any], now_s: int
) -> tuple[dict[str, Any], bool]:
    """Return the next checkpoint, and whether to continue at once.

    raises: SourceError without progress.
    """
    start = int(checkpoint.get("start", FIRST_START_S))
    next_start = page.get("nextSetTimestamp")
    if not isinstance(next_start, int) or isinstance(next_start, bool):
        raise SourceError("its nextSetTimestamp is no whole number")
    if next_start < start:
        raise SourceError("its times go back: nextSetTimestamp is before what we asked from")
    if next_start > now_s + _DAY_S:
        raise SourceError("its nextSetTimestamp lies in the future, or is not in seconds")
    if page.get("hasMoreRecords") is not True:
        return {"start": next_start}, False
    token = page.get("nextPageToken")
    if isinstance(token, str | int) and str(token):
        if len(str(token)) > _MAX_TOKEN_CHARS:
            raise SourceError("it says a nextPageToken that is too long: no way on")
        pages = pages_with(checkpoint, map(_version, page["hashRecords"]))
        is_same = str(token) == str(checkpoint.get("token", ""))
        if pages is None or (is_same and not page["hashRecords"]):
            raise SourceError("it says that there is more, and brings nothing new: no way on")
        return {"start": start, "token": str(token), "pages": pages}, True
    if next_start == start:
        raise SourceError("it says that there is more, and not where: no way on")
    return {"start": next_start}, True


def _version(sent: object) -> str:
    """Return the key of a page's record with its version."""
    record = sent if isinstance(sent, dict) else {"hashValue": sent}
    names = ("signalType", "hashValue", "lastModtimestamp")
    return " ".join(str(record.get(name)) for name in names)[:400]
