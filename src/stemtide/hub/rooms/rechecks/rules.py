# SPDX-License-Identifier: Apache-2.0
"""Judge a visit to an address, say when the next is due, and who may ask for one.

The worst mistake is to call content gone that is there. So a response that proves neither is
unclear: a page that only others can see, a redirect, a page that says "removed" with status 200, a
host that answers every address.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from stemtide.egress.probe import Probe, ProbeFailure
from stemtide.fingerprints.url.canonical import UrlClass, UrlError, canonical, url_class
from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.platform.permissions import check_person_may_write
from stemtide.protocol.enums import Role
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.rechecks import Reason, Verdict
from stemtide.protocol.enums.referrals import ReferralState
from stemtide.protocol.messages.rechecks import PASSING, Plan, plan

LEASE = timedelta(minutes=3)
"""How long a scheduler may take for a visit before another one begins it again."""

ASK_AFTER = timedelta(minutes=1)
"""How long after a visit the next may be requested."""

GONE_REFERRALS = frozenset({ReferralState.REMOVED, ReferralState.DISABLED})
"""States in which a provider says that content is gone everywhere.

Blocks in some countries are left out: what the hub sees depends on its own country.
"""

GONE_ORDERS = frozenset({OrderState.EXECUTED})

_WORDS_IN = frozenset({"text/html", "application/xhtml+xml", "text/plain"})
_LIKE = 0.1
"""Two pages whose sizes differ by less than this share are taken for the same one."""

_TROUBLES = {
    ProbeFailure.REFUSED: Reason.REFUSED,
    ProbeFailure.TIMED_OUT: Reason.TIMED_OUT,
    ProbeFailure.NO_CONNECTION: Reason.NO_CONNECTION,
    ProbeFailure.BROKEN_OFF: Reason.BROKEN_OFF,
    ProbeFailure.TOO_MANY_HOPS: Reason.TOO_MANY_HOPS,
}

_SKIPPED = re.compile(rb"<(script|style|template)\b")


class News(Enum):
    """A change that a visit may report."""

    GONE = auto()
    STILL_THERE = auto()
    RETURNED = auto()


@dataclass(frozen=True, slots=True)
class VisitResult:
    """The verdict of a visit and its reason."""

    verdict: Verdict
    reason: Reason


@dataclass(frozen=True, slots=True)
class AddressState:
    """The state of an address before a visit. settled: None before a clear verdict."""

    since: datetime
    settled: Verdict | None
    repeats: int


def judge(response: Probe, *, url: str, control: Probe | None = None) -> VisitResult:
    """Return the verdict of a visit.

    1 No answer: unclear, with the reason.
    2 A status that says that nothing is there: gone.
    3 A status that shuts us out, or that may pass: unclear.
    4 An answer of another page than the one that was asked for: unclear.
    5 A page that says that something was removed: unclear.
    6 A host that answers an address that cannot exist in the same way: unclear.
    7 Everything else that answers is there.

    control: what such an address answered, where it was asked.
    """
    if response.trouble is not None:
        return _unclear(_TROUBLES[response.trouble])
    statuses = plan().statuses
    is_elsewhere = _led_elsewhere(response, url=url)
    if response.status in statuses["gone"] and not is_elsewhere:
        return VisitResult(Verdict.GONE, Reason.SAYS_GONE)
    doubts = (
        (response.status in statuses["closed"], Reason.CLOSED),
        (response.status in statuses["passing"], Reason.BUSY),
        (is_elsewhere, Reason.LED_ELSEWHERE),
        (not _is_shown(response), Reason.OTHER_STATUS),
        (response.is_packed, Reason.PACKED),
        (bool(response.found), Reason.SAYS_REMOVED),
        (control is not None and _is_alike(response, control), Reason.ANSWERS_ANYTHING),
    )
    doubt = next((reason for is_so, reason in doubts if is_so), None)
    return _unclear(doubt) if doubt else VisitResult(Verdict.THERE, Reason.ANSWERS)


def needs_control(response: Probe, *, url: str) -> bool:
    """Whether a page that seems to be there must be compared with another page of its host."""
    is_there = judge(response, url=url).verdict is Verdict.THERE
    return is_there and response.content_type in _WORDS_IN and bool(control_url(url, chance="x"))


def control_url(url: str, *, chance: str) -> str:
    """Return an address beside this one that cannot exist; "" for the front page of a site.

    chance: letters and digits that nobody can have chosen.
    """
    parts = urlsplit(url)
    folder, _, name = parts.path.rstrip("/").rpartition("/")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if pairs:
        query = urlencode([(key, chance) for key, _ in pairs])
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    if not name:
        return ""
    return urlunsplit((parts.scheme, parts.netloc, f"{folder}/{chance}", "", ""))


def says_removed(body: bytes) -> str:
    """Return the words by which a page says that content was removed; "" if there are none.

    Scripts and styles are left out: they hold what a page would say if. Nothing is parsed.
    """
    text = _without_scripts(body.lower()).decode("utf-8", "replace").lower().replace("\u2019", "'")
    return next((words for words in plan().words["removed"] if words in text), "")


def next_visit(standing: AddressState, *, finding: VisitResult, now: datetime) -> datetime | None:
    """Return when an address is visited next; None if the schedule has ended."""
    ours: Plan = plan()
    due = next(
        (standing.since + delay for delay in ours.after if standing.since + delay > now), None
    )
    if finding.reason in PASSING and standing.repeats < ours.again.times:
        soon = now + ours.again_after
        return soon if due is None else min(soon, due)
    return due


def news_of(standing: AddressState, *, finding: VisitResult) -> News | None:
    """Return the news in a verdict; None if it repeats the last one."""
    if finding.verdict is Verdict.UNCLEAR or finding.verdict is standing.settled:
        return None
    if finding.verdict is Verdict.GONE:
        return News.GONE
    return News.STILL_THERE if standing.settled is None else News.RETURNED


def check_ask(
    *,
    role: Role | None,
    is_side: bool,
    is_over: bool,
    visited_at: datetime | None,
    next_at: datetime | None,
    now: datetime,
) -> None:
    """Whether somebody may ask for a visit now: either side, not again within a minute."""
    if not is_side:
        raise NotAllowedError("only the two sides of a request can ask for a visit")
    if role is not None:
        check_person_may_write(role)
    if is_over:
        raise ConflictError("the provider no longer reports that this is gone")
    if next_at is not None and next_at <= now:
        raise ConflictError("a visit is already due: look again in a minute")
    if visited_at is not None and now - visited_at < ASK_AFTER:
        raise ConflictError("this address was visited less than a minute ago: see the result")


def _unclear(reason: Reason) -> VisitResult:
    """Return the finding of a visit that proves neither."""
    return VisitResult(Verdict.UNCLEAR, reason)


def _is_shown(response: Probe) -> bool:
    """Whether an answer shows something."""
    return response.status is not None and 200 <= response.status < 300  # noqa: PLR2004  # RFC 9110 section 15.3


def _led_elsewhere(response: Probe, *, url: str) -> bool:
    """Whether the answer is another address' than the one that was asked for.

    A short link leads elsewhere by its nature: while it leads anywhere, it is there.
    """
    if not response.hops:
        return False
    try:
        return (
            canonical(response.url) != canonical(url) and url_class(url) is not UrlClass.SHORT_LINK
        )
    except UrlError:
        return True


def _is_alike(response: Probe, control: Probe) -> bool:
    """Whether an address that cannot exist got the same answer."""
    if control.trouble is not None or not _is_shown(control):
        return False
    if response.digest == control.digest:
        return True
    larger = max(response.size_bytes, control.size_bytes)
    return abs(response.size_bytes - control.size_bytes) <= _LIKE * larger


def _without_scripts(body: bytes) -> bytes:
    """Return a page without the contents of its scripts and styles, read front to back."""
    parts, at = [], 0
    while opening := _SKIPPED.search(body, at):
        parts.append(body[at : opening.start()])
        end = body.find(b"</" + opening[1], opening.end())
        if end < 0:
            return b"".join(parts)
        at = end + 2
    return b"".join([*parts, body[at:]])
