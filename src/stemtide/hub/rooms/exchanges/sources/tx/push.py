# SPDX-License-Identifier: Apache-2.0
"""Push to Meta's ThreatExchange: descriptors of our signals, and reactions to those of others.

1 A signal becomes a descriptor that the privacy group of the exchange may see, and nobody else.
2 A withdrawal deletes it.
3 Each is sent alone; a refused one does not stop the others.

source: threatexchange 1.2 (ThreatExchangeAPI); Meta, ThreatExchange: submitting, reacting.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.rooms.exchanges.sources.bisect import UNPROCESSABLE, send_bisecting
from stemtide.hub.rooms.exchanges.sources.source import (
    KEY_REFUSED,
    OutgoingSignal,
    SourceClient,
    SourceError,
    SourceRefusedError,
)
from stemtide.hub.rooms.exchanges.sources.tx.pull import NOT_INSTALLED
from stemtide.interop.threatexchange.words import name_of
from stemtide.protocol.handling import Tlp

if TYPE_CHECKING:
    from stemtide.hub.rooms.exchanges.sources.tx.graph import GraphClient

SHARE_LEVEL_OF = {Tlp.AMBER: "AMBER", Tlp.GREEN: "GREEN", Tlp.CLEAR: "WHITE"}
"""Share level of each TLP that may leave."""

DESCRIPTION = "Shared by a Stemtide hub for the EU Crisis Protocol"
_MAX_ID_DIGITS = 32


def push(
    outgoing_signals: Sequence[OutgoingSignal], *, client: SourceClient
) -> tuple[dict[int, str], dict[int, str]]:
    """Submit new signals and delete others.

    returns: the result of each (words of a refusal, "" if accepted), and its id there.

    raises: SourceError.
    """
    graph, group = _open(client)
    remotes = {signal.pk: signal.remote for signal in outgoing_signals}

    def send(batch: Sequence[OutgoingSignal]) -> dict[int, str]:
        (signal,) = batch
        if signal.is_back:
            return {signal.pk: _delete(signal, graph=graph)}
        fields = _descriptor(signal.row, hub=client.endpoint.hub, group=group)
        answer = _answer(graph.upload_threat_descriptor, fields)
        remotes[signal.pk] = _id(answer)
        return {signal.pk: ""}

    groups = [[signal] for signal in outgoing_signals]
    return send_bisecting(groups, send=send, client=client), remotes


def react(reactions: Mapping[int, tuple[str, str, str]], *, client: SourceClient) -> dict[int, str]:
    """React to descriptors. reactions: by key: the descriptor, the reaction, and one to take back.

    returns: words of a refusal, "" if accepted, of those that were sent.

    raises: SourceError if none was sent, or if our key is refused for each of them.
    """
    graph, _ = _open(client)
    results: dict[int, str] = {}
    key_refusals: list[SourceRefusedError] = []
    for key, (descriptor, reaction, before) in reactions.items():
        try:
            if before:
                _answer(graph.remove_reaction_from_threat_descriptor, descriptor, before)
            if reaction:
                _answer(graph.react_to_threat_descriptor, descriptor, reaction)
            results[key] = ""
        except SourceRefusedError as error:
            results[key] = str(error)
            if error.status in KEY_REFUSED:
                key_refusals.append(error)
        except SourceError:
            if not results:
                raise
            break
        if client.is_over:
            break
    if key_refusals and len(key_refusals) == len(results):
        raise key_refusals[0]
    return results


def _open(client: SourceClient) -> "tuple[GraphClient, int]":
    """Return the client and the privacy group. raises: SourceError."""
    try:
        from stemtide.hub.rooms.exchanges.sources.tx import graph  # noqa: PLC0415  # of an extra
    except ImportError as error:
        raise SourceError(NOT_INSTALLED) from error
    return graph.open_graph(client, address=client.endpoint.push_address)


def _delete(signal: OutgoingSignal, *, graph: "GraphClient") -> str:
    """Delete a descriptor; one without an id never arrived. raises: SourceError."""
    if signal.remote:
        _answer(graph.delete_threat_descriptor, signal.remote)
    return ""


def _answer(call: Callable[..., Any], *values: object) -> dict[str, Any]:
    """Return the JSON of a call of the client. raises: SourceError.

    The package's own errors contain addresses with our token: only their type is shown.
    """
    try:
        refusal, _, answer = call(*values, showURLs=False, dryRun=False)
    except SourceError:
        raise
    except Exception as error:
        name = type(error).__name__
        raise SourceError(f"its answer is not one that can be read ({name})") from error
    if refusal:
        raise SourceRefusedError(f"the package refuses it: {refusal}", status=UNPROCESSABLE)
    if not isinstance(answer, dict) or answer.get("success") is False or "error" in answer:
        raise SourceRefusedError("it does not take this", status=UNPROCESSABLE)
    return answer


def _id(answer: Mapping[str, Any]) -> str:
    """Return the id of a new descriptor. raises: SourceError."""
    uid = str(answer.get("id", ""))
    if not uid.isdecimal() or len(uid) > _MAX_ID_DIGITS:
        raise SourceError("its answer names no descriptor")
    return uid


def _descriptor(row: Mapping[str, Any], *, hub: str, group: int) -> dict[str, str]:
    """Return the fields of a signal's descriptor."""
    kind = Kind(row["kind"])
    tags = [
        *row["labels"],
        *(f"{name}:{row[name]}" for name in ("severity", "confidence", "tlp", "pap")),
        *(f"via:{hop}" for hop in row["via"]),
        f"hub:{hub}",
        f"signal:{row['id']}",
    ]
    return {
        "indicator": f"https://{row['url']}" if kind is Kind.URL else str(row["stored"]),
        "type": name_of(kind, vocabulary="threatexchange") or "",
        "description": DESCRIPTION,
        "share_level": SHARE_LEVEL_OF[Tlp(row["tlp"])],
        "status": "MALICIOUS",
        "privacy_type": "HAS_PRIVACY_GROUP",
        "privacy_members": str(group),
        "tags": ",".join(tags),
    }
