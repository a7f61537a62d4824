# SPDX-License-Identifier: Apache-2.0
"""Push to a collection of a TAXII 2.1 server: indicators, and their revocations.

1 Signals are posted in the format of this hub's collections, without the names of their audience.
2 The status lists the result of each object; a pending status is polled until it completes.
3 Posting an object twice sends the same version, which a server treats as done.
4 A post that is refused as a whole, or without naming the failed objects, is halved.

source: OASIS, TAXII Version 2.1 (10 June 2021), sections 3.2, 4.3 and 5.5.
"""

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import msgspec

from stemtide.egress.requests import OutboundRequest
from stemtide.hub.rooms.exchanges.sources.bisect import UNPROCESSABLE, send_bisecting
from stemtide.hub.rooms.exchanges.sources.source import (
    OutgoingSignal,
    SourceClient,
    SourceError,
    SourceRefusedError,
    read_json,
)
from stemtide.hub.rooms.exchanges.sources.taxii import MEDIA_TYPE
from stemtide.interop.stix.objects import EXTENSION, Stix, indicator_id, named_id
from stemtide.interop.stix.signals import indicator

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of one post."""

_ASKS, _PAUSE_S = 10, 0.5
"""How often a pending status is polled, and the pause in between."""


def push(
    outgoing_signals: Sequence[OutgoingSignal], *, client: SourceClient
) -> tuple[dict[int, str], dict[int, str]]:
    """Post as many signals as one post holds.

    returns: the result of each (words of a refusal, "" if accepted), and its id there.

    raises: SourceError.
    """

    def send(batch: Sequence[OutgoingSignal]) -> dict[int, str]:
        return _send(batch, client=client)

    results = send_bisecting([outgoing_signals], send=send, client=client)
    return results, {
        outgoing_signal.pk: _id(outgoing_signal) for outgoing_signal in outgoing_signals
    }


def _send(outgoing_signals: Sequence[OutgoingSignal], *, client: SourceClient) -> dict[int, str]:
    """Post as many signals as one post holds; return the results. raises: SourceError."""
    objects: dict[str, Stix] = {}
    ids: dict[int, str] = {}
    size = 0
    for outgoing_signal in outgoing_signals:
        stix = _indicator(outgoing_signal, hub=client.endpoint.hub)
        size += len(msgspec.json.encode(stix))
        if objects and size > MAX_BYTES:
            break
        objects[stix["id"]] = stix
        ids[outgoing_signal.pk] = stix["id"]
    status = _post(list(objects.values()), client=client)
    failed = {
        str(failure.get("id")): str(failure.get("message") or "it does not say why")
        for failure in status.get("failures", [])
        if isinstance(failure, dict)
    }
    if status.get("failure_count") and not failed:
        words = "it refuses some objects and does not say which"
        raise SourceRefusedError(words, status=UNPROCESSABLE)
    return {pk: failed.get(stix_id, "")[:300] for pk, stix_id in ids.items()}


def _post(objects: list[Stix], *, client: SourceClient) -> dict[str, Any]:
    """Post objects and return the completed status. raises: SourceError."""
    address = client.endpoint.push_address
    headers = {"accept": MEDIA_TYPE, "content-type": MEDIA_TYPE, **client.signed()}
    body = msgspec.json.encode({"objects": objects})
    request = OutboundRequest(f"{address}objects/", method="POST", headers=headers, body=body)
    status = _status(read_json(client.ask(request)))
    for _ in range(_ASKS):
        if status.get("status") == "complete":
            return status
        try:
            uid = UUID(str(status.get("id")))
        except ValueError as error:
            raise SourceError("its status has no id") from error
        time.sleep(_PAUSE_S)
        status_request = OutboundRequest(urljoin(address, f"../../status/{uid}/"), headers=headers)
        try:
            status = _status(read_json(client.ask(status_request)))
        except SourceRefusedError as error:  # of the status request; the post itself was accepted
            raise SourceError(f"its status is not to be had: {error}") from error
    raise SourceError("its status stays pending: it is posted again later")


def _status(sent: object) -> dict[str, Any]:
    """Return a valid status. raises: SourceError."""
    if not isinstance(sent, dict) or not isinstance(sent.get("failures", []), list):
        raise SourceError("its answer is no status of TAXII")
    return sent


def _indicator(outgoing_signal: OutgoingSignal, *, hub: str) -> Stix:
    """Return a signal as a STIX indicator for another hub."""
    row = outgoing_signal.row | {"hub": hub}
    identity = named_id("identity", UUID(hub), "party", row["shared_by"])
    modified = row["shared_at"]
    if outgoing_signal.is_back and outgoing_signal.withdrawn_at:
        modified = max(modified, outgoing_signal.withdrawn_at)
    stix = indicator(row, created_by=identity, created=row["shared_at"], modified=modified)
    stix["id"] = _id(outgoing_signal)
    if outgoing_signal.is_back:
        stix["revoked"] = True
    stix["extensions"][EXTENSION].pop("audience", None)
    return stix


def _id(outgoing_signal: OutgoingSignal) -> str:
    """Return the id of a signal at the other hub."""
    return outgoing_signal.remote or indicator_id(outgoing_signal.row["id"])
