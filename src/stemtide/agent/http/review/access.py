# SPDX-License-Identifier: Apache-2.0
"""Who may open the review page: a browser on this machine, with the session of its address."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import Headers
from starlette.requests import Request

from stemtide.agent.config.settings import LOOPBACK_NAMES, Config
from stemtide.agent.http.match_requests import parse_form, read_body
from stemtide.agent.review.sessions import ReviewSession

ROOT = "/review"
SIGN_IN = f"{ROOT}/sign-in"
AT_PROVIDER = f"{SIGN_IN}/with"
BACK = f"{SIGN_IN}/back"
LINKS = frozenset({SIGN_IN, AT_PROVIDER, BACK})
"""Addresses that other sites may lead to: a link in a message, and the way back from a provider."""

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers that a proxy adds: through one the page would be open to other machines."""

_MAX_FORM = 64 * 1024
_MAX_FIELDS = 20


class PageError(Exception):
    """A request that the page refuses. The message is for the person; status: of HTTP."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class SentForm:
    """The fields of a form, and its files that are not empty."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def ref(self) -> str:
        """Return the content that the form is about. It is quoted: browsers change line ends."""
        return unquote(self.text("ref"))

    def text(self, name: str) -> str:
        """Return a field; "" if it is missing."""
        return self.fields.get(name, "")


def is_review_path(path: str) -> bool:
    """Whether a path is of the review page."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def refusal(headers: Headers, host_name: str, *, is_link: bool) -> str:
    """Return why a request for the page is refused before it is read; "" if it is not.

    is_link: the request opens a link to sign in, which people may click elsewhere. Other sites may
    not load it as a picture or a frame, as often as they like and unseen.
    """
    if host_name not in LOOPBACK_NAMES:
        return "Host: the review page is for this machine only; open it at 127.0.0.1"
    if proxy := next((name for name in FORWARDED if name in headers), ""):
        return f"{proxy}: the review page is for this machine only, and not behind a proxy"
    is_opened = (
        headers.get("sec-fetch-mode", "navigate") == "navigate"
        and headers.get("sec-fetch-dest", "document") == "document"
    )
    is_elsewhere = headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    if is_elsewhere and not (is_link and is_opened):
        return "Sec-Fetch-Site: another page may not open or use the review page; open it yourself"
    return ""


async def read_form(request: Request) -> SentForm:
    """Read a form. raises: BadRequestError for a long body, PageError for another kind."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request, _MAX_FORM)
    if kind != "application/x-www-form-urlencoded":
        raise PageError("This form was not sent by the page.", status=415)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise PageError("This form cannot be read.", status=400) from error
    return SentForm(dict(pairs))


async def read_file_form(request: Request, config: Config) -> SentForm:
    """Read a form that may have files. raises: BadRequestError, PageError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        return await read_form(request)
    parts = await parse_form(request, config, max_fields=_MAX_FIELDS)
    fields = {name: value for name, value in parts if isinstance(value, str)}
    files = {name: value for name, value in parts if isinstance(value, bytes) and value}
    return SentForm(fields, files)


def check_form(form: SentForm, session: ReviewSession) -> None:
    """Refuse a form that does not carry the session's token. raises: PageError."""
    if not hmac.compare_digest(form.text("form_token").encode(), session.form_token.encode()):
        raise PageError(
            "This form is not of your session. Open the queue and try again.", status=403
        )
