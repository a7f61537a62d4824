# SPDX-License-Identifier: Apache-2.0
"""Have the agent act on stored content that signals match, by its policy."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from stemtide.fingerprints.kinds import Fingerprints, Kind

_TIMEOUT_S = 120.0
_MOST_BYTES = 8_000_000
"""Of a request: an agent refuses more than 8 MiB."""


class ActionError(Exception):
    """The agent did not act. The message says why and how to fix it."""


@dataclass(frozen=True, slots=True)
class AgentDecision:
    """The agent's decision about content. action: None if it does nothing."""

    action: str | None
    rule: str | None
    why: str


@dataclass(slots=True)
class MatchCounts:
    """How often signals matched, of how many pieces of content with a fingerprint of their kind.

    The agent lowers a signal that matches an implausible share.
    """

    matches: Counter[str] = field(default_factory=Counter)
    lookups: Counter[Kind] = field(default_factory=Counter)

    def rates(self, signals: Mapping[str, Kind]) -> list[dict[str, object]]:
        """Return the counts of some signals, given with their kinds, as an agent reads them."""
        return [
            {"signal": uid, "matches": self.matches[uid], "lookups": self.lookups[kind]}
            for uid, kind in signals.items()
        ]


def fields_of(prints: Fingerprints) -> dict[str, Any]:
    """Return the fingerprints of one piece of content as an agent reads them."""
    fingerprints = [
        {"kind": fingerprint.kind, "value": fingerprint.hex, "part": fingerprint.part}
        | ({} if fingerprint.quality is None else {"quality": fingerprint.quality})
        for fingerprint in prints.each
    ]
    views = [
        {
            "kind": view.kind,
            "value": view.value.hex(),
            "transform": view.transform,
            "quality": view.quality,
            "part": view.part,
        }
        for view in prints.views
    ]
    return {"fingerprints": fingerprints, "views": views}


class AgentActor:
    """The agent at an address, for a catalogue of a name."""

    def __init__(self, agent: str, *, token: str, catalogue: str) -> None:
        self._agent = agent.rstrip("/")
        self._path = f"{self._agent}/catalogues/{quote(catalogue, safe='')}/matches"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def act(
        self, contents: Sequence[tuple[str, Fingerprints]], rates: list[dict[str, object]]
    ) -> dict[str, AgentDecision]:
        """Have the agent decide about content, given by its ids.

        returns: the decisions by id; content that is too large for a request is left out.
        raises:  ActionError.
        """
        items = ({"ref": ref, **fields_of(prints)} for ref, prints in contents)
        decisions: dict[str, AgentDecision] = {}
        for piece in _pieces(items, limit=_MOST_BYTES - 200 * len(rates)):
            for row in self._post({"items": piece, "rates": rates}):
                decision = AgentDecision(row["action"], row["rule"], row["why"])
                decisions[row["ref"]] = decision
        return decisions

    def _post(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            response = self._client.post(self._path, json=body)
            response.raise_for_status()
            return list(response.json()["items"])
        except httpx.HTTPStatusError as error:
            raise ActionError(
                f"the agent at {self._agent} answered: {_detail(error.response)}"
            ) from error
        except httpx.HTTPError as error:
            raise ActionError(
                f"the agent at {self._agent} cannot be reached ({error}); is it running?"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ActionError(
                f"{self._agent} is not an agent: its response cannot be read; check the address"
            ) from error


def _detail(response: httpx.Response) -> str:
    """Return the detail of a problem document, or the bare status."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return str(response.status_code)


def _pieces(items: Iterable[dict[str, Any]], *, limit: int) -> Iterator[list[dict[str, Any]]]:
    """Yield items in requests of limited size; one that is too large alone is left out."""
    piece: list[dict[str, Any]] = []
    size_bytes = 0
    for item in items:
        item_bytes = len(json.dumps(item))
        if item_bytes > limit:
            continue
        if piece and size_bytes + item_bytes > limit:
            yield piece
            piece, size_bytes = [], 0
        piece.append(item)
        size_bytes += item_bytes
    if piece:
        yield piece
