# SPDX-License-Identifier: Apache-2.0
"""Rules for signing in to the review page of an agent through the hub. Decision 0171."""

import re
from collections.abc import Mapping, Sequence

from stemtide.hub.platform.errors import InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import WRITING_ROLES
from stemtide.protocol.enums import Role
from stemtide.protocol.sync.agents import REVIEW_PAGE

ROLES = WRITING_ROLES
"""Roles that may review what the agents of their party hold."""

PARAMETERS = frozenset(
    {
        *("client_id", "redirect_uri", "response_type", "scope"),
        *("state", "nonce", "code_challenge", "code_challenge_method"),
    }
)
"""Parameters of a request to sign in: each must be there once, and no other."""


_FIXED = {"response_type": "code", "scope": "openid", "code_challenge_method": "S256"}


def check_address(address: str) -> None:
    """Refuse an address for sign-ins that could lead to another machine.

    raises: InvalidError.
    """
    if not re.fullmatch(REVIEW_PAGE, address):
        raise InvalidError(
            "address",
            "must be of a review page on its own machine, such as"
            " http://127.0.0.1:8471/review/sign-in/back",
        )


def check_request(parameters: Mapping[str, Sequence[str]], *, address: str) -> None:
    """Refuse a request to sign in that is not the agent's own. raises: NotAllowedError.

    parameters: all values of each. address: the one that the agent registered.
    """
    values = {name: texts[0] for name, texts in parameters.items() if len(texts) == 1}
    is_whole = len(values) == len(parameters) and set(values) == PARAMETERS and all(values.values())
    if not is_whole or any(values[name] != value for name, value in _FIXED.items()):
        raise NotAllowedError(
            "this request to sign in is not complete: open the review page and try again"
        )
    if values["redirect_uri"] != address:
        raise NotAllowedError(
            "this request leads to another address than the agent's review page: open the"
            " review page yourself, and do not use the link that brought you here"
        )


def check_may_review(role: Role, *, party: str, owner: str) -> None:
    """Refuse people of other parties, and roles that only read. raises: NotAllowedError.

    party: of the person. owner: the agent's party.
    """
    if party != owner:
        raise NotAllowedError(
            "this review page is of {owner}, and you are signed in for {party}: sign out, and"
            " sign in with your account at {owner}",
            owner=owner,
            party=party,
        )
    if role not in ROLES:
        raise NotAllowedError(
            "your role ({role}) cannot review: ask an administrator of your party",
            role=role.replace("_", " "),
        )
