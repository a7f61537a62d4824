# SPDX-License-Identifier: Apache-2.0
"""Push to a MISP by its REST API: events with attributes and objects, deletions, sightings.

1 Signals of one event are sent in one `events/edit`; MISP adds attributes with a new uuid. An event
  that it does not know is sent by `events/add`.
2 MISP answers with the whole event. A signal whose attribute is not in it was not taken.
3 Attributes and objects are deleted one by one, and stay as deleted, so that others learn of it.
4 Sending the same again changes nothing.
5 MISP answers 403 to a wrong key, and to an event that it does not take, such as one on its
  blocklist. If the key is good, the signals of that event are refused, and others go on.

source: MISP's OpenAPI description; PyMISP's update_event(), delete_attribute(), add_sighting().
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from stemtide.egress.requests import OutboundRequest
from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.exchanges.sources.bisect import UNPROCESSABLE, send_bisecting
from stemtide.hub.rooms.exchanges.sources.source import (
    GroupsError,
    OutgoingSignal,
    SourceClient,
    SourceError,
    SourceRefusedError,
    decode_json,
    read_json,
)
from stemtide.interop.misp.events import Json, object_uuid
from stemtide.interop.misp.pushed import (
    EventKey,
    attribute_id,
    attribute_ids,
    is_in_group,
    key_of,
    pushed_event,
)
from stemtide.interop.misp.sightings import HUB_SOURCE

_NOT_KEPT = "MISP answers, and the event does not contain it: it may have this value already"
_NOT_IN_GROUP = "MISP does not keep the event in its sharing group: it is deleted there"
_FORBIDDEN, _NOT_FOUND = 403, 404
_MESSAGE_CHARS = 160


def check_key(client: SourceClient) -> None:
    """Check that a MISP answers, and takes our key. raises: SourceError."""
    headers = {"accept": "application/json", **client.signed(bare=True)}
    address = f"{client.endpoint.push_address}/servers/getVersion"
    answered = read_json(client.ask(OutboundRequest(address, headers=headers)))
    if not isinstance(answered, dict) or "version" not in answered:
        raise SourceError("its answer is not the version of a MISP")


def push(
    outgoing_signals: Sequence[OutgoingSignal], *, client: SourceClient
) -> tuple[dict[int, str], dict[int, str]]:
    """Send signals, event by event.

    returns: the result of each (words of a refusal, "" if accepted), and its id there.

    raises: SourceError.
    """
    groups: list[list[OutgoingSignal]] = []
    events: dict[EventKey, list[OutgoingSignal]] = {}
    for outgoing_signal in outgoing_signals:
        if outgoing_signal.is_back:
            groups.append([outgoing_signal])
        else:
            key = _key(outgoing_signal, client=client)
            events.setdefault(key, []).append(outgoing_signal)
    groups += events.values()

    def send(batch: Sequence[OutgoingSignal]) -> dict[int, str]:
        return _send(batch, client=client)

    results = send_bisecting(groups, send=send, client=client)
    return results, {
        outgoing_signal.pk: _id(outgoing_signal) for outgoing_signal in outgoing_signals
    }


def push_sighting(remote: str, *, client: SourceClient) -> bool:
    """Report that content which matches an attribute was met again.

    It says neither where nor how often.

    returns: False if MISP has the attribute no longer. raises: SourceError.
    """
    body = {"uuid": remote, "type": "0", "source": HUB_SOURCE}
    try:
        _ask("sightings/add", body, client=client)
    except SourceRefusedError:
        check_key(client)
        return False
    return True


def _send(outgoing_signals: Sequence[OutgoingSignal], *, client: SourceClient) -> dict[int, str]:
    """Delete a signal there, or send those of one event; return the results.

    raises: SourceError.
    """
    if outgoing_signals[0].is_back:
        return {outgoing_signals[0].pk: _delete(outgoing_signals[0], client=client)}
    key = _key(outgoing_signals[0], client=client)
    body = pushed_event(
        key,
        [outgoing_signal.row for outgoing_signal in outgoing_signals],
        hub=client.endpoint.hub,
        now=client.now,
    )
    uuid = key.uuid(client.endpoint.hub)
    try:
        answered = _ask_for(f"events/edit/{uuid}", body, client=client)
    except SourceRefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        answered = _ask_for("events/add", body, client=client)
    there = attribute_ids(answered)
    if not isinstance(answered, dict) or "Event" not in answered:
        raise SourceError("its answer is no event of MISP")
    if key.own is not None and not is_in_group(answered, key=key):
        delete_event(uuid, client=client)
        return {outgoing_signal.pk: _NOT_IN_GROUP for outgoing_signal in outgoing_signals}
    return {
        outgoing_signal.pk: "" if _id(outgoing_signal) in there else _NOT_KEPT
        for outgoing_signal in outgoing_signals
    }


def delete_event(uuid: UUID, *, client: SourceClient) -> None:
    """Delete an event in a sharing group; one that is not there is deleted already.

    raises: GroupsError.
    """
    try:
        _ask(f"events/delete/{uuid}", {}, client=client)
    except SourceError as error:
        if isinstance(error, SourceRefusedError) and error.status == _NOT_FOUND:
            return
        words = f"event {uuid} is not deleted, though others may read its sharing group: {error}"
        raise GroupsError(words) from error


def _delete(outgoing_signal: OutgoingSignal, *, client: SourceClient) -> str:
    """Delete an attribute, or the object of a PDQ hash; one that is not there is deleted already.

    raises: SourceError.
    """
    uuid = _id(outgoing_signal)
    path = f"attributes/delete/{uuid}"
    if outgoing_signal.row["kind"] == Kind.PDQ:
        path = f"objects/delete/{object_uuid(UUID(uuid))}"
    try:
        _ask(path, {}, client=client)
    except SourceRefusedError as error:
        if error.status != _NOT_FOUND:
            raise
    return ""


def _key(outgoing_signal: OutgoingSignal, *, client: SourceClient) -> EventKey:
    """Return the event that a signal belongs to."""
    if outgoing_signal.event is not None:
        return outgoing_signal.event
    return key_of(outgoing_signal.row, sharing_group=client.endpoint.sharing_group)


def _id(outgoing_signal: OutgoingSignal) -> str:
    """Return the id of a signal's attribute in MISP."""
    return outgoing_signal.remote or attribute_id(outgoing_signal.row)


def _ask_for(path: str, body: Json, *, client: SourceClient) -> object:
    """Add or edit an event and return the answer. raises: SourceError."""
    try:
        return _ask(path, body, client=client)
    except SourceRefusedError as error:
        if error.status != _FORBIDDEN:
            raise
        check_key(client)
        words = f"MISP does not take this event (403): {_message(error.body)}"
        raise SourceRefusedError(words, status=UNPROCESSABLE, is_of_all=True) from error


def _message(body: bytes) -> str:
    """Return the message of MISP's answer, as far as it can be shown."""
    try:
        answered = decode_json(body)
    except SourceError:
        answered = None
    message = answered.get("message") if isinstance(answered, dict) else None
    shown = "".join(letter for letter in str(message or "") if letter.isprintable())
    return shown[:_MESSAGE_CHARS] or "it does not say why"


def _ask(path: str, body: Json, *, client: SourceClient) -> object:
    """Post JSON and return the JSON of the answer. raises: SourceError."""
    headers = {
        "accept": "application/json",
        "content-type": "application/json",
        **client.signed(bare=True),
    }
    address = f"{client.endpoint.push_address}/{path}"
    request = OutboundRequest(
        address, method="POST", headers=headers, body=msgspec.json.encode(body)
    )
    answered: object = read_json(client.ask(request))
    return answered
