# SPDX-License-Identifier: Apache-2.0
"""Look content up at a running agent, by its fingerprints: the content itself is not sent."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stemtide.cli.output import fail

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    import httpx

    from stemtide.cli.content import Named
    from stemtide.fingerprints.kinds import Fingerprints

_TIMEOUT_S = 60


def ask_agent(
    names: list[str], *, agent: str, token: str
) -> Iterator[tuple[dict[str, object], str]]:
    """Ask an agent about each file, folder or URL; it looks, and does nothing because of it.

    yields: one answer for each piece of content, as a row and in words.
    """
    import httpx

    from stemtide.cli.content import read_all
    from stemtide.fingerprints.analysis import Asked

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=agent, headers=headers, timeout=_TIMEOUT_S) as client:
        for named in read_all(names, asked=Asked(views=True)):
            body = {"items": [_item(named.fingerprints)]}
            try:
                response = client.post("/match", params={"look": "1"}, json=body)
                response.raise_for_status()
                (answer,) = response.json()["items"]
            except httpx.HTTPStatusError as error:
                fail(f"{named.name}: the agent at {agent} said: {detail_of(error.response)}")
            except httpx.HTTPError as error:
                fail(f"the agent at {agent} cannot be reached ({error}); is it running?")
            except (ValueError, KeyError, TypeError):
                fail(f"{agent} answered, but not as an agent does; check the address")
            yield _answer(named, answer)


def detail_of(response: "httpx.Response") -> str:
    """What a problem document says, or the bare status."""
    try:
        return str(response.json()["detail"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return str(response.status_code)


def _item(prints: "Fingerprints") -> dict[str, object]:
    """All fingerprints of one piece of content, as POST /match reads them."""
    each = [
        {"kind": one.kind, "value": one.hex, "part": one.part}
        | ({} if one.quality is None else {"quality": one.quality})
        for one in prints.each
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
    return {"fingerprints": each, "views": views}


def _answer(named: "Named", answer: dict[str, Any]) -> tuple[dict[str, object], str]:
    """What an agent says of one piece of content, as a row and in words."""
    matches, action = answer["matches"], answer["decision"]["action"]
    remarks = [*named.fingerprints.remarks, *answer["remarks"]]
    row = {"file": named.name, "action": action, "matches": matches, "remarks": remarks}
    lines = [f"{named.name}: {action or no_match(named.fingerprints)}", *map(_line, matches)]
    return row, "\n".join([*lines, *(f"  {remark}" for remark in remarks)])


def no_match(prints: "Fingerprints") -> str:
    """Say that nothing matched, and what that is worth."""
    return "no match, but not all could be looked at" if prints.is_incomplete else "no match"


def about(labels: list[str], shared_by: str) -> list[str]:
    """The labels and the sharer of a signal, in words."""
    return [*labels, *([f"shared by {shared_by}"] if shared_by else [])]


def _line(match: dict[str, Any]) -> str:
    """An agent's match in words."""
    words = [f"  {match['signal']}  {match['kind']}"]
    words += [match["part"]] if match["part"] else []
    words.append(_nearness(match))
    for stretch in match["stretches"][:1]:
        if span := stretch["query_span_s"]:
            theirs = stretch["signal_span_s"] or ["?", "?"]
            words.append(f"[{span[0]}-{span[1]} s] = [{theirs[0]}-{theirs[1]} s]")
    if match["transform"] and match["kind"] != "url":
        words.append(match["transform"])
    return ", ".join(words + about(match["labels"], match["shared_by"]))


def _nearness(match: dict[str, Any]) -> str:
    """How near an agent's match is."""
    if match["kind"] == "url" and match["transform"]:
        return f"covers the whole {match['transform']}"
    if match["kind"] == "pdq":
        return f"{match['distance_bits']} bits away"
    return "equal" if not match["stretches"] else f"{match['match_percent']} % sure"
