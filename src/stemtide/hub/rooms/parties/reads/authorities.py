# SPDX-License-Identifier: Apache-2.0
"""Read which authorities are published as competent: our data, as the operator amends it.

It is not the register of this hub (competences.py), which says who may issue orders here.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.protocol.enums import Duty
from stemtide.protocol.law.authorities import (
    Authority,
    AuthorityDataError,
    StateAuthorities,
    published,
    read_authorities,
)
from stemtide.protocol.messages.documents import Listed, Listing

log = logging.getLogger(__name__)


@needs_no_viewer("it is public")
def published_authorities() -> Mapping[str, StateAuthorities]:
    """Return the published authorities by country. A State in the operator's file replaces ours.

    raises: AuthorityDataError.
    """
    if not settings.AUTHORITIES_FILE:
        return published()
    path = Path(settings.AUTHORITIES_FILE)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise AuthorityDataError(f"{path} cannot be read: {error.strerror}") from error
    return {**published(), **_amended(path, changed)}


@lru_cache(maxsize=2)
def _amended(path: Path, changed: int) -> Mapping[str, StateAuthorities]:  # noqa: ARG001  # a changed file is read again
    """Return the States in the operator's file. raises: AuthorityDataError."""
    try:
        return read_authorities(path.read_text("utf-8"), name=str(path))
    except (OSError, UnicodeError) as error:
        raise AuthorityDataError(f"{path} cannot be read as text: {error}") from error


def listing(title: str, *, country: str, duty: Duty, party: str = "") -> Listing:
    """Return whether an authority is published as competent for a duty, under its title.

    party: its name on this hub, if it is a party. Titles of parties are set by the hub's agencies
           and its operator, and never by the party itself.
    """
    point = "abcd"[list(Duty).index(duty)]
    try:
        state = published_authorities().get(country, StateAuthorities())
    except AuthorityDataError as error:
        log.warning("the operator's list of authorities is not used: %s", error)
        state = published().get(country, StateAuthorities())
    authorities = state.named_for(duty)
    others = [authority.names[0] for authority in authorities]
    for authority in authorities:
        if _is(authority, title=title, party=party):
            return Listing(
                answer=Listed.YES,
                point=point,
                name=authority.names[0],
                **authority.model_dump(include={"source", "as_of", "in_list", "contact", "note"}),
            )
    answer = Listed.NO if state.is_complete_for(duty) else Listed.NOT_KNOWN
    return Listing(answer=answer, point=point, others=others)


def _is(authority: Authority, *, title: str, party: str) -> bool:
    """Whether somebody is an authority: the operator named the party, or it has its name."""
    return authority.party == party if authority.party else authority.is_called(title)
