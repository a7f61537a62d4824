# SPDX-License-Identifier: Apache-2.0
"""Look content up at a running agent by its fingerprints; the content itself is not sent."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stemtide.cli.output import fail

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    import httpx

    from stemtide.cli.content import NamedContent
    from stemtide.fingerprints.kinds import Fingerprints

_TIMEOUT_S = 60


def ask_agent(
    names: list[str], *, agent: str, token: str
) -> Iterator[tuple[dict[str, object], str]]:
    """Look up each file, folder or URL at an agent, which takes no action.

    yields: one response for each piece of content, as a row and as text.
    """
    import httpx

    from stemtide.catalogue.action import fields_of
    from stemtide.cli.content import read_all
    from stemtide.fingerprints.analysis import AnalysisOptions

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=agent, headers=headers, timeout=_TIMEOUT_S) as client:
        for named in read_all(names, options=AnalysisOptions(views=True)):
            body = {"items": [fields_of(named.fingerprints)]}
            try:
                response = client.post("/match", params={"look": "1"}, json=body)
                response.raise_for_status()
                (answer,) = response.json()["items"]
            except httpx.HTTPStatusError as error:
                fail(f"{named.name}: the agent at {agent} answered: {detail_of(error.response)}")
            except httpx.HTTPError as error:
                fail(f"the agent at {agent} cannot be reached ({error}); is it running?")
            except (ValueError, KeyError, TypeError):
                fail(f"{agent} is not an agent: its response cannot be read; check the address")
            yield _row_and_text(named, answer)


def detail_of(response: "httpx.Response") -> str:
    """Return the detail of a problem document, or the bare status."""
    try:
        return str(response.json()["detail"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return str(response.status_code)


def _row_and_text(named: "NamedContent", answer: dict[str, Any]) -> tuple[dict[str, object], str]:
    """Return an agent's response for one piece of content, as a row and as text."""
    matches, action = answer["matches"], answer["decision"]["action"]
    remarks = [*named.fingerprints.remarks, *answer["remarks"]]
    shadows = answer["decision"].get("shadow", [])  # an older agent has none
    row = {
        "file": named.name,
        "action": action,
        "shadow": shadows,
        "matches": matches,
        "remarks": remarks,
    }
    lines = [f"{named.name}: {action or no_match(named.fingerprints)}"]
    lines += [*map(_shadow_line, shadows), *map(_line, matches)]
    return row, "\n".join([*lines, *(f"  {remark}" for remark in remarks)])


def no_match(prints: "Fingerprints") -> str:
    """Describe a look-up without a match, and whether it was complete."""
    return "no match, but not all could be looked at" if prints.is_incomplete else "no match"


def about(labels: list[str], shared_by: str) -> list[str]:
    """Return the labels of a signal and who shared it, for people."""
    return [*labels, *([f"shared by {shared_by}"] if shared_by else [])]


def _line(match: dict[str, Any]) -> str:
    """Describe an agent's match for people."""
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


def _shadow_line(shadow: dict[str, Any]) -> str:
    """Describe the decision of a shadow of the agent's policy."""
    rule = f" by rule {shadow['rule']!r}" if shadow["rule"] else ""
    return f"  shadow ({shadow['shadow']}): {shadow['action'] or 'no match'}{rule}"


def _nearness(match: dict[str, Any]) -> str:
    """Describe the distance or confidence of a match."""
    if match["kind"] == "url" and match["transform"]:
        return f"covers the whole {match['transform']}"
    if match["kind"] == "pdq":
        return f"{match['distance_bits']} bits away"
    return "equal" if not match["stretches"] else f"{match['match_percent']} % sure"
