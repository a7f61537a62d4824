# SPDX-License-Identifier: Apache-2.0
"""Error formats of other protocols, by URL prefix."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from stemtide.protocol.problems import MEDIA_TYPE, Problem


@dataclass(frozen=True, slots=True)
class ErrorFormat:
    """The error format of a protocol.

    write:     converts a problem document to the protocol's body.
    challenge: WWW-Authenticate of a 401 response.
    """

    media_type: str
    write: Callable[[Problem], str]
    challenge: str = "Bearer"


def _problem_document(document: Problem) -> str:
    """Return a problem document as is: RFC 9457."""
    return document.model_dump_json(exclude_none=True)


PROBLEM_DOCUMENT = ErrorFormat(MEDIA_TYPE, _problem_document)
"""Error format of all other paths."""


def _taxii_error(document: Problem) -> str:
    """Return TAXII's error message, where the status is text. source: TAXII 2.1, section 3.6.1."""
    body: dict[str, object] = {
        "title": document.title,
        "description": document.detail,
        "error_code": document.type.rpartition("/")[2],
        "http_status": str(document.status),
    }
    if document.errors:
        body["details"] = {error.field: error.message for error in document.errors}
    return json.dumps(body)


TAXII_PREFIX = "/taxii2/"
TAXII = ErrorFormat(
    "application/taxii+json;version=2.1",
    _taxii_error,
    challenge='Basic realm="stemtide", charset="UTF-8", Bearer',
)


def _misp_error(document: Problem) -> str:
    """Return MISP's error, as PyMISP passes it on: a name, and a message for people."""
    body: dict[str, object] = {"name": document.title, "message": document.detail, "url": ""}
    if document.errors:
        body["errors"] = {error.field: error.message for error in document.errors}
    return json.dumps(body)


MISP_PREFIX = "/misp/"
MISP = ErrorFormat(
    "application/json", _misp_error, challenge='Basic realm="stemtide", charset="UTF-8", Bearer'
)

ERROR_FORMATS = {TAXII_PREFIX: TAXII, MISP_PREFIX: MISP}
"""Error format of other protocols by URL prefix."""


def error_format_for(path: str) -> ErrorFormat:
    """Return the error format for a path."""
    return next(
        (candidate for start, candidate in ERROR_FORMATS.items() if path.startswith(start)),
        PROBLEM_DOCUMENT,
    )
