# SPDX-License-Identifier: Apache-2.0
"""Who may share, withdraw, judge and report, and when; what makes two shares the same."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from stemtide.fingerprints import url
from stemtide.fingerprints.blanks import why_blank
from stemtide.fingerprints.kinds import MIN_QUALITY, SIZE_BYTES, Kind
from stemtide.fingerprints.url_reach import Reach, rule_of
from stemtide.hub.parties.rules import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    RefusalError,
    TooManyError,
    allows,
    check_expiry,
)
from stemtide.protocol.signals import MAX_URL_CHARS, RowError, SignalIn, is_long
from stemtide.protocol.words import PartyKind, SignalState

__all__ = [
    "BulkRefusedError",
    "CrisisFacts",
    "Draft",
    "Facts",
    "SignalFacts",
    "TooManyError",
    "acts",
    "allows",
    "check_audience",
    "check_crisis",
    "check_live",
    "check_opine",
    "check_report",
    "check_same",
    "check_share",
    "check_signal",
    "check_spending",
    "check_tell",
    "check_way",
    "check_withdraw",
    "facts_of",
    "pack_audience",
    "read_rows",
    "span_of",
    "unpack_audience",
    "uuid_at",
]


_DAY_S = 86_400


class BulkRefusedError(RefusalError):
    """A bulk holds bad rows, so nothing of it was stored. errors: every one of them."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(
            f"{len(errors)} of the signals cannot be stored, so none was: correct the rows named"
            " here, or send ?partial=1 to store the good ones"
        )
        self.errors = list(errors)


class Facts(NamedTuple):
    """What a sharer says of a value. Saying it again is the same share only if all are equal."""

    quality: int | None
    within_bits: int | None
    reach: str | None
    content: UUID | None
    labels: tuple[str, ...]
    ideology: str | None
    entity: str | None
    severity: str
    provenance: str
    confidence: int
    tlp: str
    pap: str
    audience: str
    expires_at: datetime | None
    crisis: UUID | None


_said = attrgetter(*Facts._fields)
"""What facts_of reads of a body."""


def facts_of(body: SignalIn) -> Facts:
    """What a sharer says, with sets in one order."""
    return Facts(
        quality=body.quality,
        within_bits=body.within_bits,
        reach=None if _reach(body) is Reach.ADDRESS else _reach(body).name.lower(),
        content=body.content,
        labels=tuple(sorted(set(body.labels))),
        ideology=body.ideology,
        entity=body.entity,
        severity=body.severity.value,
        provenance=body.provenance.value,
        confidence=body.confidence,
        tlp=body.tlp.value,
        pap=body.pap.value,
        audience=pack_audience(body.audience),
        expires_at=body.expires_at,
        crisis=body.crisis,
    )


@dataclass(slots=True)
class Draft:
    """A row of a share that is right by itself.

    value: as the signal's row holds it. long: the value itself where the row holds its digest.
    position: 0 until it is placed in the feed. is_new: whether the party did not share it before.
    """

    row: int
    body: SignalIn
    value: str
    url: str
    facts: Facts
    uid: UUID
    long: bytes | None = None
    position: int = 0
    is_new: bool = True

    @property
    def key(self) -> tuple[str, str, bool]:
        """What a party shares once: kind, value, exercise."""
        return (self.body.kind, self.value, self.body.exercise)


def acts(drafts: Iterable[Draft]) -> list[list[Draft]]:
    """Drafts by exercise mark and crisis, real ones first: each part is one act and one entry."""
    parts: dict[tuple[bool, UUID | None], list[Draft]] = {}
    for draft in sorted(drafts, key=lambda one: one.body.exercise):
        parts.setdefault((draft.body.exercise, draft.body.crisis), []).append(draft)
    return list(parts.values())


@dataclass(frozen=True, slots=True)
class CrisisFacts:
    """What the rules must know of the crisis that a signal names.

    is_open: it takes signals now. in_room: the sharer takes part in it.
    """

    is_open: bool
    in_room: bool
    exercise: bool


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """What the rules must know of a signal that is there. ended_at: when it was withdrawn."""

    state: SignalState
    shared_by: str
    ended_at: datetime | None = None


def check_share(*, kind: PartyKind) -> None:
    """Observers watch; everyone else shares."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers do not share signals: pass it to an authority or agency")


def check_signal(body: SignalIn, *, now: datetime) -> None:
    """A signal must be able to match, now, and not what everybody has.

    raises: InvalidError naming the field and what to share instead.
    """
    if body.kind is not Kind.URL or _is_digest(body.value.lower()):
        value = bytes.fromhex(body.value)
        if why := why_blank(body.kind, value, quality=body.quality):
            is_dull = body.quality is not None and body.quality < MIN_QUALITY
            raise InvalidError("quality" if is_dull else "value", why)
    check_expiry(body.expires_at, now=now)


def check_spending(spent_bytes: int, *, most: int, now: datetime) -> None:
    """Refuse long values that would take a party over its share of the hub's disk for a day.

    spent_bytes: those of today, the ones at hand included. raises: TooManyError.
    """
    into = now.astimezone(UTC)
    into_s = into.hour * 3600 + into.minute * 60 + into.second
    if spent_bytes > most:
        raise TooManyError(
            "your party would have shared {spent_bytes:,} bytes of video, audio, text and gop"
            " values today, and {most:,} are taken in a day: share digests, or go on after"
            " midnight UTC, or ask whoever runs the hub for more",
            retry_after_s=_DAY_S - into_s,
            spent_bytes=spent_bytes,
            most=most,
        )


def check_way(via: Iterable[UUID], *, hub: UUID) -> None:
    """What came through this hub is here, or was: it does not begin anew."""
    if hub in via:
        raise InvalidError("via", "names this hub: the signal came from here, so it is no new one")


def check_crisis(facts: CrisisFacts | None, *, crisis: UUID, exercise: bool) -> None:
    """A signal joins a crisis that is there for its sharer, open, and as real as itself."""
    if facts is None:
        raise InvalidError(
            "crisis",
            "there is no crisis {crisis} that your party may see: leave it out",
            crisis=crisis,
        )
    if not facts.in_room:
        raise InvalidError(
            "crisis", "your party takes no part in it: join it first, or leave it out"
        )
    if not facts.is_open:
        raise InvalidError("crisis", "is closed and takes no more signals: leave it out")
    if facts.exercise is not exercise:
        what = "an exercise" if facts.exercise else "real"
        raise InvalidError(
            "exercise", "the crisis is {what} and the signal is not: make both so", what=what
        )


def check_same(facts: Facts, before: Facts) -> None:
    """A value is shared once by a party: again only with the same facts."""
    if facts == before:
        return
    fields = [
        name for name, new, old in zip(Facts._fields, facts, before, strict=True) if new != old
    ]
    raise ConflictError(
        "your party shares this value already with another {fields}: withdraw that signal first,"
        " or send the same facts",
        fields=", ".join(fields),
    )


def check_audience(names: Iterable[str], *, known: Iterable[str]) -> None:
    """An audience names parties that are there: a misspelt one would leave somebody out."""
    if unknown := sorted(set(names) - set(known)):
        raise InvalidError(
            "audience",
            "there is no party {unknown!r}: see the list of parties",
            unknown=unknown[0][:60],
        )


def check_withdraw(facts: SignalFacts, *, kind: PartyKind, name: str) -> None:
    """Who shared a signal takes it back, or an agency does; once."""
    if kind is not PartyKind.AGENCY and name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who shared this signal, or an agency withdraws it: dispute it"
            " instead",
            shared_by=facts.shared_by,
        )
    check_live(facts)


def check_tell(facts: SignalFacts, *, name: str) -> None:
    """Only who shared a signal tells it again, while it is live."""
    if name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who shared this signal, describes it anew", shared_by=facts.shared_by
        )
    check_live(facts)


def check_live(facts: SignalFacts) -> None:
    """What no longer matches is not changed."""
    if facts.state is not SignalState.LIVE:
        when = f" at {facts.ended_at:%Y-%m-%d %H:%M:%S} UTC" if facts.ended_at else ""
        word = "was withdrawn" if facts.state is SignalState.WITHDRAWN else "expired"
        raise ConflictError(
            "this signal {word}{when}: it matches nothing any more", word=word, when=when
        )


def check_opine(facts: SignalFacts, *, kind: PartyKind) -> None:
    """Everyone who may see a live signal says what they think of it, except observers."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers give no opinions: tell the party that shared the signal")
    check_live(facts)


def check_report(*, kind: PartyKind) -> None:
    """Outcomes come from those that see uploads."""
    if kind is not PartyKind.PROVIDER:
        raise NotAllowedError("only providers report outcomes: use a provider's key")


def span_of(moment: datetime, *, since: datetime) -> tuple[datetime, int]:
    """The span of time that an outcome is counted in: when it ends, and its minutes.

    Five minutes in the first day of a crisis, when every quarter of an hour matters; then hours.
    """
    minutes = 5 if moment < since + timedelta(days=1) else 60
    size_s = 60 * minutes
    end_s = (moment.timestamp() // size_s + 1) * size_s
    return datetime.fromtimestamp(end_s, UTC), minutes


def pack_audience(names: Iterable[str]) -> str:
    """An audience as it is stored: "|a|b|", "" where none are named."""
    ordered = sorted(set(names))
    return f"|{'|'.join(ordered)}|" if ordered else ""


def unpack_audience(packed: str) -> frozenset[str]:
    """An audience as it is spoken of."""
    return frozenset(packed.strip("|").split("|")) if packed else frozenset()


def read_rows(
    bodies: Sequence[SignalIn | RowError], *, errors: list[RowError], now: datetime
) -> Iterator[Draft]:
    """Drafts of the rows that are right by themselves; errors takes the others.

    Rows that say the same have the same facts, made once: those of a bulk mostly do.
    """
    said: dict[tuple[object, ...], Facts] = {}
    for row, body in enumerate(bodies):
        if isinstance(body, RowError):
            errors.append(body)
            continue
        try:
            check_signal(body, now=now)
            value, address, long = _spell(body)
        except InvalidError as error:
            errors.append(RowError(row=row, field=error.field, message=error.message))
        else:
            facts = said.get(what := _said(body)) or said.setdefault(what, facts_of(body))
            uid = uuid_at(now)
            yield Draft(row, body, value=value, url=address, facts=facts, uid=uid, long=long)


def uuid_at(now: datetime) -> UUID:
    """An id nobody can guess, in the order of time, so that a database adds it at one end.

    source: RFC 9562 section 5.7 (UUIDv7: 48 bits of milliseconds, 74 random bits).
    """
    milliseconds = int(now.timestamp() * 1000)
    fixed = milliseconds << 80 | 0x7 << 76 | 0b10 << 62
    chance = secrets.randbits(74)
    return UUID(int=fixed | chance >> 62 << 64 | chance & (1 << 62) - 1)


def _spell(body: SignalIn) -> tuple[str, str, bytes | None]:
    """A signal's value as its row holds it, its canonical address and its long value if any.

    raises: InvalidError for what is no address, or would cover what many people publish.
    """
    if is_long(body.kind):
        long = bytes.fromhex(body.value)
        return hashlib.sha256(long).hexdigest(), "", long
    value = body.value.lower()
    if body.kind is not Kind.URL or _is_digest(value):
        return value, "", None
    try:
        address = rule_of(body.value, reach=_reach(body))
    except url.UrlError as error:
        raise InvalidError("value", str(error)) from error
    if len(address) > MAX_URL_CHARS:
        raise InvalidError(
            "value",
            "is longer than {max_url_chars} characters once coded: share the digest instead",
            max_url_chars=MAX_URL_CHARS,
        )
    return url.digest(address).hex(), address, None


def _reach(body: SignalIn) -> Reach:
    """What a URL signal covers: one address, unless it says more."""
    return Reach[body.reach.name] if body.reach else Reach.ADDRESS


def _is_digest(value: str) -> bool:
    """Whether a URL signal came as the digest of its canonical spelling."""
    return len(value) == 2 * SIZE_BYTES[Kind.URL] and not set(value) - set("0123456789abcdef")
