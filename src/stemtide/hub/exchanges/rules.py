# SPDX-License-Identifier: Apache-2.0
"""Who runs exchanges, what of a source is taken on which terms, when it is asked again."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    RefusalError,
    allows,
)
from stemtide.protocol.exchanges import ExchangeState, Fate, Terms, Told
from stemtide.protocol.handling import Pap, Tlp
from stemtide.protocol.signals import MAX_VIA, SignalIn
from stemtide.protocol.words import Direction, ExchangeKind, PartyKind

__all__ = [
    "NotTakenError",
    "TooManyNewError",
    "allows",
    "check_address",
    "check_direction",
    "check_manage",
    "check_name",
    "check_schedule",
    "check_secret",
    "check_sharer",
    "check_terms",
    "fit",
    "is_overruled",
    "is_stricter",
    "next_try",
    "state_of",
    "tightened",
]

LEASE = timedelta(minutes=10)
"""How long one clock has an exchange to itself; a run ends well within it, both ways."""

MIN_EVERY_S, MAX_EVERY_S = 15, 86_400
LONGEST_PAUSE = timedelta(hours=6)
"""However often a source failed, it is asked again after this."""

GO_ON_AFTER = timedelta(seconds=5)
"""When a source that has more than one run takes is asked again."""

JITTER = 0.1
"""How far the time between two runs strays, so that hubs do not ask in step."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_FUTURE = timedelta(days=1)


class NotTakenError(Exception):
    """A record is not taken. fate: left out by the terms, or refused as wrong."""

    def __init__(self, fate: Fate, words: str) -> None:
        super().__init__(words)
        self.fate = fate


class TooManyNewError(RefusalError):
    """A source brings more new signals in a day than its terms allow.

    counts: what became of the records of the page that were taken all the same, by their fate.
    """

    counts: Mapping[str, int] = MappingProxyType({})


def check_name(name: str) -> None:
    """An exchange is named as parties are: it stands in the ledger and in commands."""
    if not _NAME.fullmatch(name):
        raise InvalidError(
            "name",
            "{name!r} is not a name: use 1 to 40 of a-z, 0-9 and - (not at an end)",
            name=name[:60],
        )


def check_sharer(*, kind: PartyKind, exchanges: int) -> None:
    """A source's signals are those of one party that shares: its own, and no other source's.

    Who is disputed, withdrawn from, or asked why, must be one source alone.
    """
    if kind is PartyKind.OBSERVER:
        raise InvalidError("party", "is an observer, which shares nothing: name another")
    if exchanges:
        raise ConflictError(
            "this party is that of another exchange: add one of its own with stemtide party add"
        )


def check_manage(*, kind: PartyKind) -> None:
    """Agencies stop and start exchanges, as they withdraw what anybody shares."""
    if kind is not PartyKind.AGENCY:
        raise NotAllowedError(
            "an agency, or the hub's operator, pauses and resumes exchanges: ask one of them"
        )


def check_direction(kind: ExchangeKind, direction: Direction) -> None:
    """A feed of MISP's is only read."""
    if kind is ExchangeKind.MISP_FEED and direction is not Direction.PULL:
        raise InvalidError("direction", "a MISP feed is pulled from, and not pushed to")


def check_secret(secret: str, *, account: str) -> None:
    """A secret and an account must be such that a header can carry them."""
    for field, text in (("secret", secret), ("account", account)):
        if any(not " " <= letter <= "~" for letter in text) or text != text.strip():
            raise InvalidError(field, "holds what no header can carry: give one line of ASCII")


def check_schedule(every_s: int) -> None:
    """Often enough to matter, not so often that the other side shuts us out."""
    if not MIN_EVERY_S <= every_s <= MAX_EVERY_S:
        raise InvalidError(
            "every",
            "{every_s} s is not possible: give {least} to {most} seconds",
            every_s=every_s,
            least=MIN_EVERY_S,
            most=MAX_EVERY_S,
        )


def check_terms(terms: Terms) -> None:
    """Terms must leave something to take, and never pass on what is for its recipient alone."""
    order = list(Tlp)
    if terms.tlp_strictest is Tlp.RED:
        raise InvalidError("tlp_strictest", "is RED, which is for its recipients alone: name AMBER")
    if order.index(terms.tlp_loosest) < order.index(terms.tlp_strictest):
        raise InvalidError(
            "tlp_loosest", "is stricter than the strictest that is taken: nothing would be"
        )


def check_address(kind: ExchangeKind, address: str) -> str:
    """An address as it is kept, in the form that its kind asks for.

    Whether the hub may go there is asked whenever it does. raises: InvalidError.
    """
    address = address.strip()
    if kind is ExchangeKind.TAXII:
        address = address.rstrip("/") + "/"
        if not re.search(r"/collections/[^/]+/$", address):
            raise InvalidError(
                "address", "must be that of a collection: https://host/root/collections/ID/"
            )
        return address
    return address.rstrip("/").removesuffix("/manifest.json")


def fit(told: Told, *, terms: Terms, now: datetime) -> SignalIn:
    """The signal that a record becomes on an exchange's terms.

    raises: NotTakenError.
    """
    facts: dict[str, Any] = dict(told.facts or {})
    _check_wanted(told, facts=facts, terms=terms, now=now)
    tlp = _mark(facts.pop("tlp", None), terms=terms)
    pap: Pap = _strictest(list(Pap), facts.pop("pap", terms.pap), terms.pap)
    facts["confidence"] = min(int(facts.get("confidence", terms.confidence)), terms.confidence)
    said = {
        "labels": terms.labels,
        "severity": terms.severity,
        **facts,
        "tlp": tlp,
        "pap": pap,
        "crisis": terms.crisis,
        "exercise": terms.exercise,
        "via": _way(told.via),
    }
    try:
        return SignalIn.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        words = f"{path}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        raise NotTakenError(Fate.REFUSED, words[:300]) from error


def _way(via: tuple[str, ...]) -> tuple[str, ...]:
    """The hubs that a record came through; of a way that is too long the middle is lost."""
    way = tuple(dict.fromkeys(via))
    return way if len(way) <= MAX_VIA else (way[0], *way[1 - MAX_VIA :])


def _check_wanted(told: Told, *, facts: Mapping[str, Any], terms: Terms, now: datetime) -> None:
    """Leave out what the terms do not take. raises: NotTakenError."""
    if terms.kinds and facts.get("kind") not in terms.kinds:
        raise NotTakenError(Fate.LEFT_OUT, f"kind {facts.get('kind')}: the terms do not name it")
    if told.is_exercise and not terms.exercise:
        raise NotTakenError(Fate.LEFT_OUT, "it is an exercise there, and this exchange is not")
    if facts.get("audience"):
        raise NotTakenError(Fate.LEFT_OUT, "it is for named parties there, of which we are one")
    expires_at = facts.get("expires_at")
    if expires_at is not None and expires_at <= now:
        raise NotTakenError(Fate.LEFT_OUT, "it ran out already")


def _mark(said: Tlp | None, *, terms: Terms) -> Tlp:
    """The mark of a record. raises: NotTakenError for one that is stricter than is taken."""
    order = list(Tlp)
    mark: Tlp = _strictest(order, said or terms.tlp, terms.tlp_loosest)
    if order.index(mark) < order.index(terms.tlp_strictest):
        raise NotTakenError(Fate.LEFT_OUT, f"TLP:{mark.upper()} is stricter than the terms take")
    return mark


def _strictest(order: list[Any], *marks: Any) -> Any:  # noqa: ANN401  # TLP or PAP
    """The strictest of some marks."""
    return min(marks, key=order.index)


def is_stricter(body: SignalIn, *, tlp: str, pap: str) -> bool:
    """Whether one of a signal's marks is stricter than those given."""
    order, acts = list(Tlp), list(Pap)
    return order.index(body.tlp) < order.index(Tlp(tlp)) or (
        acts.index(body.pap) < acts.index(Pap(pap))
    )


def tightened(body: SignalIn, *, tlp: str, pap: str) -> SignalIn:
    """A signal with the strictest of its marks and those given."""
    marks = {
        "tlp": _strictest(list(Tlp), body.tlp, Tlp(tlp)),
        "pap": _strictest(list(Pap), body.pap, Pap(pap)),
    }
    return body.model_copy(update=marks)


def is_overruled(said_at: datetime | None, *, withdrawn_at: datetime) -> bool:
    """Whether a withdrawal here is later than what a source says, which then may be an echo.

    A source that does not say when is taken to speak of before.
    """
    return said_at is None or said_at <= withdrawn_at


def is_ours(told: Told, *, hub: UUID, signals: set[UUID], makers: set[str]) -> bool:
    """Whether a record is one of ours that came back. signals: those of its names that are here."""
    is_named = any(signal in signals for signal in told.signals) or not makers.isdisjoint(
        told.makers
    )
    return str(hub) in told.via or is_named


def next_try(
    now: datetime, *, every_s: int, failures: int, chance: float, asked: float | None = None
) -> datetime:
    """When a source is asked again. chance: 0..1. asked: seconds that it asked us to wait."""
    pause = timedelta(seconds=every_s) * 2 ** min(failures, 20)
    pause = max(min(pause, LONGEST_PAUSE), timedelta(seconds=every_s))
    pause *= 1 + JITTER * (2 * chance - 1)
    if asked is not None:
        pause = max(pause, min(timedelta(seconds=max(asked, 0)), LONGEST_PAUSE))
    due: datetime = now + pause
    return due


def state_of(
    *, is_paused: bool, removed_at: datetime | None, failing_since: datetime | None
) -> ExchangeState:
    """Where an exchange stands."""
    if removed_at is not None:
        return ExchangeState.REMOVED
    if is_paused:
        return ExchangeState.PAUSED
    return ExchangeState.FAILING if failing_since else ExchangeState.RUNNING


def lies_ahead(moment: datetime, *, now: datetime) -> bool:
    """Whether a source's time is so far ahead that going on from it would skip what comes next."""
    return moment > now + _FUTURE
