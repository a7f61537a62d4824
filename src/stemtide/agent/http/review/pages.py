# SPDX-License-Identifier: Apache-2.0
"""Render the review page: templates, filters for values of strangers, security headers, files.

Names of files and accounts come from uploaders, labels and names of parties from the hub. All are
escaped, isolated from the text around them, and shown with their invisible characters written out.
"""

import importlib.util
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

import stemtide

_HERE = Path(__file__).parent
_DESK = Path(stemtide.__file__).parent / "hub" / "desk" / "static" / "desk"
"""Files of the hub's desk: the page uses its style and its keys, without importing any of it."""

_DESK_FILES = (
    *("tokens.css", "page.css", "bar.css", "block.css", "mark.css", "table.css", "form.css"),
    *("message.css", "sheet.css", "verb.css", "look.css", "palette.css", "keys.js", "mark.svg"),
)
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every response. Referrer-Policy: with "no-referrer" browsers send the Origin null.

source: W3C, Content Security Policy Level 3.
"""

_MAX_SHOWN = 300


def visible(value: object, limit: int = _MAX_SHOWN) -> Markup:
    """Return a value of a stranger for a page: escaped, isolated, nothing in it invisible."""
    text = str(value)
    if len(text) > limit:
        text = f"{text[:limit]}…"
    shown = "".join(
        f"⟨{ord(letter):04X}⟩" if unicodedata.category(letter)[0] == "C" else letter
        for letter in text
    )
    return Markup("<bdi>{}</bdi>").format(escape(shown))


def moment(value: float | datetime) -> Markup:
    """Return a time for a page, in UTC."""
    at = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    at = at.astimezone(UTC)
    text = f"{at:%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), text)


_WITHOUT_MINUTES_H = 10
"""From so many hours on, a length of time is written without minutes."""


def span(seconds: float) -> str:
    """Return a length of time in words."""
    hours, minutes = divmod(int(abs(seconds)) // 60, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if hours < _WITHOUT_MINUTES_H else f"{hours} h"


def clock(seconds: float) -> str:
    """Return a place on a time line, such as 1:05.2."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "quoted": partial(quote, safe=""),
        "visible": visible,
        "moment": moment,
        "span": span,
        "clock": clock,
    }
    return environment


def render(template: str, values: Mapping[str, Any], *, status: int = 200) -> Response:
    """Return a page, or a part of it, as a response."""
    text = _environment().get_template(template).render(values)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


@cache
def static_file(name: str) -> tuple[bytes, str] | None:
    """Return a file of the page and its media type; None for any other name."""
    if name in _DESK_FILES:
        path = _DESK / name
    elif name == "review.css":
        path = _HERE / "static" / name
    elif name == "htmx.js":
        path = _htmx()
    else:
        return None
    return path.read_bytes(), _TYPES[path.suffix]


def _htmx() -> Path:
    """Return htmx, which lies in a package that would load Django if it were imported."""
    package = importlib.util.find_spec("django_htmx")
    folders = package.submodule_search_locations if package else None
    return Path(next(iter(folders or ["."]))) / "static" / "django_htmx" / "htmx-2.min.js"
