# SPDX-License-Identifier: Apache-2.0
"""How the door says what is wrong to programs of others, each under its own addresses."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from stemtide.protocol.problems import MEDIA_TYPE, Problem


@dataclass(frozen=True, slots=True)
class Tongue:
    """One protocol's way to say what is wrong.

    write:     a problem document as a body of that protocol.
    challenge: what an answer 401 asks for, as WWW-Authenticate says it.
    """

    media_type: str
    write: Callable[[Problem], str]
    challenge: str = "Bearer"


def _problem_document(found: Problem) -> str:
    """Our own: RFC 9457."""
    return found.model_dump_json(exclude_none=True)


OURS = Tongue(MEDIA_TYPE, _problem_document)
"""Spoken wherever nobody else's protocol is."""


def _taxii_error(found: Problem) -> str:
    """As TAXII says it, where the status is text. source: TAXII Version 2.1, section 3.6.1."""
    said: dict[str, object] = {
        "title": found.title,
        "description": found.detail,
        "error_code": found.type.rpartition("/")[2],
        "http_status": str(found.status),
    }
    if found.errors:
        said["details"] = {error.field: error.message for error in found.errors}
    return json.dumps(said)


TAXII_PREFIX = "/taxii2/"
TAXII = Tongue(
    "application/taxii+json;version=2.1",
    _taxii_error,
    challenge='Basic realm="stemtide", charset="UTF-8", Bearer',
)


def _misp_error(found: Problem) -> str:
    """As MISP says it, and as PyMISP passes it on: a name, and a message for people."""
    said: dict[str, object] = {"name": found.title, "message": found.detail, "url": ""}
    if found.errors:
        said["errors"] = {error.field: error.message for error in found.errors}
    return json.dumps(said)


MISP_PREFIX = "/misp/"
MISP = Tongue(
    "application/json", _misp_error, challenge='Basic realm="stemtide", charset="UTF-8", Bearer'
)

TONGUES = {TAXII_PREFIX: TAXII, MISP_PREFIX: MISP}
"""Other protocols by how their addresses begin."""


def tongue_at(path: str) -> Tongue:
    """What is spoken at an address."""
    return next((one for start, one in TONGUES.items() if path.startswith(start)), OURS)
