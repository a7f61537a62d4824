# SPDX-License-Identifier: Apache-2.0
"""Rules for exchanges: who runs them, which records are accepted, and when they run again."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, RefusalError
from stemtide.hub.platform.permissions import allows
from stemtide.interop.exchanges import ExchangeState, RecordOutcome, SourceRecord, Terms
from stemtide.protocol.enums import Direction, ExchangeKind, PartyKind
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.messages.signals import MAX_VIA, SignalIn

__all__ = [
    "NotTakenError",
    "TooManyNewError",
    "allows",
    "check_address",
    "check_direction",
    "check_installed",
    "check_manage",
    "check_name",
    "check_schedule",
    "check_secret",
    "check_sharer",
    "check_terms",
    "is_overruled",
    "is_stricter",
    "next_try",
    "signal_of",
    "state_of",
    "with_stricter_marks",
]

LEASE = timedelta(minutes=10)
"""How long one scheduler holds an exchange; a run in both directions ends well within it."""

MIN_EVERY_S, MAX_EVERY_S = 15, 86_400
LONGEST_PAUSE = timedelta(hours=6)
"""Longest delay before a failing source is polled again."""

GO_ON_AFTER = timedelta(seconds=5)
"""Delay until the next run if a source has more than one run can process."""

JITTER = 0.1
"""Random share of the interval, so that hubs do not poll in step."""

OF_THE_PACKAGE = frozenset({ExchangeKind.THREATEXCHANGE, ExchangeKind.TCAP, ExchangeKind.TX_FILE})
"""Kinds that the package threatexchange speaks, which is an extra."""

READ_ONLY = frozenset(
    {ExchangeKind.MISP_FEED, ExchangeKind.TCAP, ExchangeKind.TX_FILE, ExchangeKind.OPENCTI}
)
"""Kinds that nothing is pushed to."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_FUTURE = timedelta(days=1)


class NotTakenError(Exception):
    """A record is not accepted. fate: left out by the terms, or refused as invalid."""

    def __init__(self, fate: RecordOutcome, words: str) -> None:
        super().__init__(words)
        self.fate = fate


class TooManyNewError(RefusalError):
    """A source brings more new signals in a day than its terms allow.

    counts: the records of the page that were processed all the same, by fate.
    """

    counts: Mapping[str, int] = MappingProxyType({})


def check_name(name: str) -> None:
    """Refuse names unlike those of parties, because the ledger and commands use them."""
    if not _NAME.fullmatch(name):
        raise InvalidError(
            "name",
            "{name!r} is not a name: use 1 to 40 of a-z, 0-9 and - (not at an end)",
            name=name[:60],
        )


def check_sharer(*, kind: PartyKind, exchanges: int) -> None:
    """Refuse a party that is an observer or that shares another source's signals.

    Disputes, withdrawals and questions about a signal must concern one source only.
    """
    if kind is PartyKind.OBSERVER:
        raise InvalidError(
            "party", "is an observer, which cannot share signals: name another party"
        )
    if exchanges:
        raise ConflictError(
            "this party belongs to another exchange: add a new one with stemtide party add"
        )


def check_manage(*, kind: PartyKind) -> None:
    """Refuse to pause or resume an exchange for any party but an agency."""
    if kind is not PartyKind.AGENCY:
        raise NotAllowedError(
            "only an agency or the hub's operator can pause and resume exchanges: ask one of them"
        )


def check_installed(kind: ExchangeKind, *, is_installed: bool) -> None:
    """Refuse a kind that needs a package that is not installed."""
    if kind in OF_THE_PACKAGE and not is_installed:
        raise InvalidError(
            "kind",
            "needs the package threatexchange, which is not installed: pip install 'stemtide[tx]'",
        )


def check_direction(kind: ExchangeKind, direction: Direction) -> None:
    """Refuse to push to a source that is read-only."""
    if kind in READ_ONLY and direction is not Direction.PULL:
        raise InvalidError(
            "direction",
            "the hub can pull from an exchange of kind {kind}, but not push to it",
            kind=kind.value,
        )


def check_secret(secret: str, *, account: str) -> None:
    """Refuse a secret or account that an HTTP header cannot carry."""
    for field, text in (("secret", secret), ("account", account)):
        if any(not " " <= character <= "~" for character in text) or text != text.strip():
            raise InvalidError(
                field, "contains characters that a header cannot have: use one line of ASCII"
            )


def check_schedule(every_s: int) -> None:
    """Refuse an interval that is too long to be useful or too short for the other side."""
    if not MIN_EVERY_S <= every_s <= MAX_EVERY_S:
        raise InvalidError(
            "every",
            "{every_s} s is not possible: give {least} to {most} seconds",
            every_s=every_s,
            least=MIN_EVERY_S,
            most=MAX_EVERY_S,
        )


def check_terms(terms: Terms) -> None:
    """Refuse terms that accept nothing, or that would pass on TLP:RED."""
    order = list(Tlp)
    if terms.tlp_strictest is Tlp.RED:
        raise InvalidError("tlp_strictest", "is RED, which is for named recipients only: use AMBER")
    if order.index(terms.tlp_loosest) < order.index(terms.tlp_strictest):
        raise InvalidError(
            "tlp_loosest",
            "is stricter than the strictest accepted TLP: no signal would be accepted",
        )


def check_address(kind: ExchangeKind, address: str) -> str:
    """Return an address in the normal form of its kind.

    Whether the hub may connect to it is checked at every connection. raises: InvalidError.
    """
    address = address.strip()
    if kind is ExchangeKind.TAXII:
        address = address.rstrip("/") + "/"
        if not re.search(r"/collections/[^/]+/$", address):
            raise InvalidError(
                "address", "must be the address of a collection: https://host/root/collections/ID/"
            )
        return address
    address = address.rstrip("/").removesuffix("/manifest.json")
    if kind is ExchangeKind.TX_FILE and not re.match(r"file:///.", address):
        raise InvalidError(
            "address", "must be that of a file on the hub's machine: file:///folder/name"
        )
    if kind is ExchangeKind.THREATEXCHANGE and not re.search(r"/[0-9]{1,32}$", address):
        raise InvalidError(
            "address",
            "must end with the number of the privacy group: https://graph.facebook.com/v26.0/GROUP",
        )
    if kind is ExchangeKind.OPENCTI and not re.search(r"/stream/[A-Za-z0-9-]{1,64}$", address):
        raise InvalidError("address", "must be that of a live stream: https://host/stream/ID")
    return address


def signal_of(source_record: SourceRecord, *, terms: Terms, now: datetime) -> SignalIn:
    """Return the signal that a record becomes under an exchange's terms.

    raises: NotTakenError.
    """
    facts: dict[str, Any] = dict(source_record.facts or {})
    _check_wanted(source_record, facts=facts, terms=terms, now=now)
    tlp = _mark(facts.pop("tlp", None), terms=terms)
    pap: Pap = _strictest(list(Pap), facts.pop("pap", terms.pap), terms.pap)
    facts["confidence"] = min(int(facts.get("confidence", terms.confidence)), terms.confidence)
    fields = {
        "labels": terms.labels,
        "severity": terms.severity,
        **facts,
        "tlp": tlp,
        "pap": pap,
        "crisis": terms.crisis,
        "exercise": terms.exercise,
        "via": _hops(source_record.via),
        **({"audience": source_record.audience} if source_record.audience else {}),
    }
    try:
        return SignalIn.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        words = f"{path}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        raise NotTakenError(RecordOutcome.REFUSED, words[:300]) from error


def _hops(via: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hubs that a record came through, without the middle if there are too many."""
    hops = tuple(dict.fromkeys(via))
    return hops if len(hops) <= MAX_VIA else (hops[0], *hops[1 - MAX_VIA :])


def _check_wanted(
    source_record: SourceRecord, *, facts: Mapping[str, Any], terms: Terms, now: datetime
) -> None:
    """Refuse a record that the terms exclude. raises: NotTakenError."""
    if terms.kinds and facts.get("kind") not in terms.kinds:
        raise NotTakenError(
            RecordOutcome.LEFT_OUT, f"kind {facts.get('kind')}: the terms do not name it"
        )
    if source_record.is_exercise and not terms.exercise:
        raise NotTakenError(
            RecordOutcome.LEFT_OUT, "it is an exercise there, and this exchange is not"
        )
    if facts.get("audience"):
        raise NotTakenError(
            RecordOutcome.LEFT_OUT, "it is for named parties there, of which we are one"
        )
    expires_at = facts.get("expires_at")
    if expires_at is not None and expires_at <= now:
        raise NotTakenError(RecordOutcome.LEFT_OUT, "it ran out already")


def _mark(reported: Tlp | None, *, terms: Terms) -> Tlp:
    """Return the TLP of a record. raises: NotTakenError if it is stricter than the terms accept."""
    order = list(Tlp)
    tlp: Tlp = _strictest(order, reported or terms.tlp, terms.tlp_loosest)
    if order.index(tlp) < order.index(terms.tlp_strictest):
        raise NotTakenError(
            RecordOutcome.LEFT_OUT, f"TLP:{tlp.upper()} is stricter than the terms take"
        )
    return tlp


def _strictest(order: list[Any], *marks: Any) -> Any:  # noqa: ANN401  # TLP or PAP
    """Return the strictest of these marks."""
    return min(marks, key=order.index)


@dataclass(frozen=True, slots=True)
class Marks:
    """What restricts a signal. audience: the parties that may see it; empty if TLP decides."""

    tlp: Tlp
    pap: Pap
    audience: frozenset[str]


def is_stricter(body: SignalIn, than: Marks) -> bool:
    """Whether one of a signal's marks is stricter than those given, or its audience is narrower."""
    order, acts = list(Tlp), list(Pap)
    audience = frozenset(body.audience)
    is_narrower = bool(audience) and not (than.audience and than.audience <= audience)
    return (
        order.index(body.tlp) < order.index(than.tlp)
        or acts.index(body.pap) < acts.index(than.pap)
        or is_narrower
    )


def with_stricter_marks(body: SignalIn, other: Marks, *, party: str) -> SignalIn:
    """Return a signal with the strictest of its marks and those given, for both audiences.

    party: that shares it, and alone may see it if no other is in both.
    """
    audience = frozenset(body.audience) or other.audience
    if audience and other.audience:
        audience = (audience & other.audience) or frozenset({party})
    marks = {
        "tlp": _strictest(list(Tlp), body.tlp, other.tlp),
        "pap": _strictest(list(Pap), body.pap, other.pap),
        "audience": tuple(sorted(audience)),
    }
    return body.model_copy(update=marks)


def is_overruled(said_at: datetime | None, *, withdrawn_at: datetime) -> bool:
    """Whether a withdrawal here is later than the source's record, which may then be an echo.

    A record without a time counts as earlier.
    """
    return said_at is None or said_at <= withdrawn_at


def is_own(source_record: SourceRecord, *, hub: UUID, signals: set[UUID], makers: set[str]) -> bool:
    """Whether a record is one of ours that came back. signals: those of its ids known here."""
    is_named = any(signal in signals for signal in source_record.signals) or not makers.isdisjoint(
        source_record.makers
    )
    return str(hub) in source_record.via or is_named


def next_try(
    now: datetime, *, every_s: int, failures: int, jitter: float, retry_after_s: float | None = None
) -> datetime:
    """Return when a source is polled again.

    jitter: 0..1. retry_after_s: the wait that the source requested.
    """
    pause = timedelta(seconds=every_s) * 2 ** min(failures, 20)
    pause = max(min(pause, LONGEST_PAUSE), timedelta(seconds=every_s))
    pause *= 1 + JITTER * (2 * jitter - 1)
    if retry_after_s is not None:
        pause = max(pause, min(timedelta(seconds=max(retry_after_s, 0)), LONGEST_PAUSE))
    due: datetime = now + pause
    return due


def state_of(
    *,
    is_paused: bool,
    removed_at: datetime | None,
    failing_since: datetime | None,
    proposed_by: str = "",
) -> ExchangeState:
    """Return the state of an exchange."""
    if removed_at is not None:
        return ExchangeState.REMOVED
    if proposed_by:
        return ExchangeState.PROPOSED
    if is_paused:
        return ExchangeState.PAUSED
    return ExchangeState.FAILING if failing_since else ExchangeState.RUNNING


def is_in_future(moment: datetime, *, now: datetime) -> bool:
    """Whether a source's time is so far ahead that continuing from it would skip records."""
    return moment > now + _FUTURE
