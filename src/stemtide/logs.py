# SPDX-License-Identifier: Apache-2.0
"""Formats of the log of hub and agent: lines for people, or JSON for programs.

1 Neither has content or addresses of people: mail addresses, API keys and the secrets of links are
  replaced. JSON leaves out the texts of errors as well, which databases fill with values.
2 Lines that belong to a request have its id, as the response header X-Request-Id, and its party.
"""

import json
import logging
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO
from uuid import uuid4

HIDDEN = "…"

_SECRETS = (
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"), HIDDEN),
    (re.compile(r"\bst_(\w{8})_[\w-]+"), rf"st_\1_{HIDDEN}"),
    (re.compile(r"/(acknowledge|complain|invited|set-up)/[^\s\"']+"), rf"/\1/{HIDDEN}"),
)
_MAX_FRAMES = 30

_MAX_CHARS = 20_000
"""The rest of a longer text is cut off: callers choose parts of some texts."""


class LogFormat(StrEnum):
    """How lines of the log are written."""

    TEXT = "text"
    JSON = "json"


@dataclass(slots=True)
class _RequestLog:
    """Fields of the lines of a request. party: "" while it is not known."""

    id: str
    party: str = ""


_current: ContextVar[_RequestLog | None] = ContextVar("stemtide_request", default=None)


@contextmanager
def request_log() -> Iterator[str]:
    """Give all lines within the id of a new request; yield the id."""
    request = _RequestLog(uuid4().hex)
    token = _current.set(request)
    try:
        yield request.id
    finally:
        _current.reset(token)


def note_party(name: str) -> None:
    """Give further lines of the current request the party that it is for."""
    if request := _current.get():
        request.party = name


def without_secrets(text: str) -> str:
    """Return a text without mail addresses, API keys and secrets of links."""
    text = text[:_MAX_CHARS]
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class TextFormatter(logging.Formatter):
    """Lines for people, with traces of errors."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return without_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request, party, error, where."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the JSON of a record."""
        row: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        if request := _current.get():
            row["request"] = request.id
            row |= {"party": request.party} if request.party else {}
        if record.exc_info and record.exc_info[0] is not None:
            row["error"] = record.exc_info[0].__name__
            row["where"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])[-_MAX_FRAMES:]
            ]
        return json.dumps(row, ensure_ascii=False)


def stderr_handler(log_format: LogFormat, stream: TextIO | None = None) -> logging.Handler:
    """Return a handler that writes to stderr in a format."""
    handler = logging.StreamHandler(stream)
    plain = TextFormatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else plain)
    return handler
