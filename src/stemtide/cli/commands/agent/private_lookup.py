# SPDX-License-Identifier: Apache-2.0
"""Look content up at a hub privately: by digests that the hub does not see."""

import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from stemtide.cli.hub_client import open_client
from stemtide.cli.output import print_note

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    from stemtide.cli.content import NamedContent
    from stemtide.client.private_matching import Digest, PrivateMatch, PrivateMatcher
    from stemtide.fingerprints.kinds import Fingerprints

_TRIES, _WAIT_S = 120, 5
_NOT_COMPARED = "only equal files and addresses are looked up privately: no altered copies"


def ask_privately(
    names: list[str], *, hub: str, key: str, whole: bool
) -> Iterator[tuple[dict[str, object], str]]:
    """Look up files, folders and URLs at a hub, all at once.

    yields: one response for each piece of content, as a row and as text.
    """
    from stemtide.cli.content import read_all
    from stemtide.client.private_matching import PrivateMatcher
    from stemtide.fingerprints.analysis import AnalysisOptions

    contents = list(read_all(names, options=AnalysisOptions(views=True)))
    with open_client(hub, key) as client:
        digests = {digest for content in contents for digest in _digests(content.fingerprints)}
        matches = _match(PrivateMatcher(client, whole=whole), digests)
    print_note(_NOT_COMPARED)
    for content in contents:
        yield _row_and_text(content, matches)


def _match(matcher: "PrivateMatcher", digests: "set[Digest]") -> "dict[Digest, list[PrivateMatch]]":
    """Look digests up. A hub that nobody asked for a week evaluates its own first: wait for it."""
    from stemtide.client import UnreachableError

    for _ in range(_TRIES):
        try:
            return matcher.match(digests)
        except UnreachableError as error:
            if error.status != HTTPStatus.SERVICE_UNAVAILABLE or not error.problem:
                raise
            print_note(f"{error.problem.detail}; the command tries again in {_WAIT_S} s")
        time.sleep(_WAIT_S)
    return matcher.match(digests)


def _digests(prints: "Fingerprints") -> "dict[Digest, str]":
    """Return the digests to look content up by, each with the part that it is of."""
    from stemtide.fingerprints.kinds import Kind
    from stemtide.protocol.private_match.rows import KINDS

    digests = {
        (fingerprint.kind, fingerprint.value): fingerprint.part
        for fingerprint in prints.each
        if fingerprint.kind in KINDS
    }
    wider = {
        (Kind.URL, view.value): view.transform for view in prints.views if view.kind is Kind.URL
    }
    return wider | digests


def _row_and_text(
    content: "NamedContent", matches: "dict[Digest, list[PrivateMatch]]"
) -> tuple[dict[str, object], str]:
    """Return the matches of one piece of content, as a row and as text."""
    from stemtide.cli.commands.agent.lookup import no_match

    rows = [
        {
            "signal": str(match.signal),
            "kind": digest[0].value,
            "part": part,
            "action": match.action.value,
        }
        for digest, part in _digests(content.fingerprints).items()
        for match in matches.get(digest, [])
    ]
    remarks = list(content.fingerprints.remarks)
    row: dict[str, object] = {"file": content.name, "matches": rows, "remarks": remarks}
    lines = [_line(match) for match in rows] or [f"  {no_match(content.fingerprints)}"]
    return row, "\n".join([content.name, *lines, *(f"  {remark}" for remark in remarks)])


def _line(match: dict[str, str]) -> str:
    """Describe a match for people."""
    part = [match["part"]] if match["part"] else []
    words = [f"  {match['signal']}  {match['kind']}", *part]
    return ", ".join([*words, f"{match['action']} at most"])
