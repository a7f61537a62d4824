# SPDX-License-Identifier: Apache-2.0
"""Rules for signals: who may share, withdraw, judge and report, and when two shares are equal."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

from stemtide.fingerprints.blanks import why_blank
from stemtide.fingerprints.external.usable import why_unusable
from stemtide.fingerprints.kinds import MIN_QUALITY, SIZE_BYTES, Kind
from stemtide.fingerprints.url import canonical as url
from stemtide.fingerprints.url.reach import UrlScope, rule_of
from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    RateLimitError,
    RefusalError,
)
from stemtide.hub.platform.permissions import allows
from stemtide.hub.platform.retention import rules as retention_rules
from stemtide.hub.rooms.approvals.rules import AT_ONCE, waiting_words
from stemtide.hub.rooms.ledger.rules.rate_limits import allowance_of
from stemtide.hub.rooms.parties.rules.parties import check_expiry
from stemtide.protocol.enums import PartyKind, Severity, SignalState
from stemtide.protocol.labels import labels
from stemtide.protocol.law.retention import signal_term_ends
from stemtide.protocol.law.retention.messages import RetentionIn
from stemtide.protocol.messages.signals import MAX_URL_CHARS, RowError, SignalIn, is_long
from stemtide.protocol.privacy.personal import describe_spans, find_personal
from stemtide.protocol.trust.second_look import WaitReason, second_look

__all__ = [
    "EXCHANGE",
    "KEEP_SPANS",
    "BulkRefusedError",
    "Facts",
    "RateLimitError",
    "RefusedContentError",
    "RefusedRowError",
    "RefusedTooOftenError",
    "SignalCrisis",
    "SignalDraft",
    "SignalFacts",
    "Wait",
    "allows",
    "check_audience",
    "check_counted",
    "check_crisis",
    "check_extend",
    "check_hops",
    "check_impersonal",
    "check_live",
    "check_opinion",
    "check_refused_today",
    "check_report",
    "check_republish",
    "check_same",
    "check_share",
    "check_signal",
    "check_spending",
    "check_withdraw",
    "check_within_crisis",
    "facts_of",
    "group_by_act",
    "pack_audience",
    "read_rows",
    "refused_content",
    "refused_rows",
    "span_of",
    "unpack_audience",
    "uuid_at",
]


_DAY_S = 86_400

_ID_BYTES = 10
_ID_RANDOM = ((1 << 12) - 1) << 64 | (1 << 62) - 1
"""Random bytes asked for an id, and the 74 bits of an id that take them."""

EXCHANGE = "exchange:"
"""How the reference to an exchange begins, through which signals come."""

MAX_REFUSED_A_DAY = 40
"""Refused values of known abuse material after which a party shares nothing more that day."""

KEEP_SPANS = timedelta(days=365)
"""Retention of the times at which content of a signal was met. The sums stay."""


class BulkRefusedError(RefusalError):
    """A bulk has bad rows, so nothing of it was stored. errors: all of them."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(
            f"{len(errors)} of the signals cannot be stored, so none was: correct the rows named"
            " here, or send ?partial=1 to store the good ones"
        )
        self.errors = list(errors)

    @property
    def is_routed(self) -> bool:
        """Whether a row has content that belongs to another channel."""
        return refused_rows(self.errors) > 0


class RefusedContentError(InvalidError):
    """A value is of content that Stemtide never stores; the message names the right channel."""


class RefusedRowError(RowError):
    """The error of a row whose value is of content that Stemtide never stores."""


def refused_rows(errors: Iterable[RowError]) -> int:
    """Return how many rows were refused as known abuse material."""
    return sum(isinstance(error, RefusedRowError) for error in errors)


class RefusedTooOftenError(RateLimitError):
    """A party has sent too many such values in a day. count: how many were in this share."""

    def __init__(
        self, template: str, /, *, count: int, retry_after_s: int, **facts: object
    ) -> None:
        super().__init__(template, retry_after_s=retry_after_s, **facts)
        self.count = count


class Facts(NamedTuple):
    """The facts that a sharer gives about a value. Shares are equal only if all facts are equal."""

    quality: int | None
    within_bits: int | None
    reach: str | None
    content: UUID | None
    labels: tuple[str, ...]
    ideology: str | None
    entity: str | None
    language: str | None
    severity: str
    provenance: str
    confidence: int
    tlp: str
    pap: str
    audience: str
    expires_at: datetime | None
    crisis: UUID | None


_facts_in = attrgetter(*Facts._fields, "retention")
"""Reads from a body the fields that facts_of uses."""


def facts_of(body: SignalIn) -> Facts:
    """Return the facts in a message, with sets sorted."""
    return Facts(
        quality=body.quality,
        within_bits=body.within_bits,
        reach=None if _reach(body) is UrlScope.ADDRESS else _reach(body).name.lower(),
        content=body.content,
        labels=tuple(sorted(set(body.labels))),
        ideology=body.ideology,
        entity=body.entity,
        language=body.language,
        severity=body.severity.value,
        provenance=body.provenance.value,
        confidence=body.confidence,
        tlp=body.tlp.value,
        pap=body.pap.value,
        audience=pack_audience(body.audience),
        expires_at=_ends_at(body),
        crisis=body.crisis,
    )


def _ends_at(body: SignalIn) -> datetime | None:
    """Return when a signal ends by what its sharer says, of its expiry or its retention."""
    until = body.retention.until if body.retention else None
    return min((at for at in (body.expires_at, until) if at is not None), default=None)


def asks_less(facts: Facts, *, before: Facts) -> bool:
    """Whether a newer version of a signal may lead to less than the one that it replaces.

    It does not if it is as grave and as sure, lasts as long, and reaches and names the same. Who
    narrows the audience releases the signal elsewhere, as who withdraws it. Decision 0119.
    """
    is_as_grave = (
        Severity(facts.severity).rank >= Severity(before.severity).rank
        and facts.confidence >= before.confidence
        and set(facts.labels) >= set(before.labels)
    )
    last, last_before = facts.expires_at, before.expires_at
    lasts = last is None or (last_before is not None and last >= last_before)
    return not (is_as_grave and lasts and _reaching(facts) == _reaching(before))


_reaching = attrgetter("quality", "within_bits", "reach", "provenance", "tlp", "pap", "audience")
"""Reads the facts that decide whom a signal reaches, and what it matches there."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a signal needs a second look. notes: what was found about it, by reason.

    at_once: it travels now all the same, and ends unless somebody confirms it.
    """

    reasons: tuple[WaitReason, ...]
    notes: Mapping[WaitReason, str] = field(default_factory=dict)
    at_once: bool = False

    @property
    def words(self) -> list[str]:
        """Return the reasons in words."""
        words = waiting_words(self.reasons, notes=self.notes)
        end = AT_ONCE.format(hours=second_look().waiting.crisis_hours)
        return [*words, end] if self.at_once else words


@dataclass(slots=True)
class SignalDraft:
    """A row of a share that is valid by itself.

    value: as the signal's row holds it. long: the full value if the row holds only its digest.
    position: 0 until it is placed in the feed. is_new: whether the party did not share it before.
    wait: why it needs a second look, if it does.
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
    wait: Wait | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it does not travel yet."""
        return self.wait is not None and not self.wait.at_once

    @property
    def kind(self) -> Kind:
        """Return the kind of the signal."""
        return self.body.kind

    @property
    def key(self) -> tuple[str, str, bool]:
        """Return the key that a party shares once: kind, value, exercise."""
        return (self.body.kind, self.value, self.body.exercise)


def group_by_act(drafts: Iterable[SignalDraft]) -> list[list[SignalDraft]]:
    """Group drafts by exercise mark and crisis, real ones first: each group is one ledger entry."""
    parts: dict[tuple[bool, UUID | None], list[SignalDraft]] = {}
    for draft in sorted(drafts, key=lambda draft: draft.body.exercise):
        parts.setdefault((draft.body.exercise, draft.body.crisis), []).append(draft)
    return list(parts.values())


@dataclass(frozen=True, slots=True)
class SignalCrisis:
    """The facts about a signal's crisis that the rules need.

    is_open: it accepts signals now. in_room: the sharer takes part in it.
    """

    is_open: bool
    in_room: bool
    exercise: bool


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """Facts of a stored signal that the rules need. ended_at: of its withdrawal or expiry."""

    state: SignalState
    shared_by: str
    ended_at: datetime | None = None


def check_share(*, kind: PartyKind) -> None:
    """Refuse a share by an observer."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers cannot share signals: pass it to an authority or agency")


def check_signal(body: SignalIn, *, now: datetime) -> None:
    """Refuse a signal that cannot match, that has expired, or that would match common content.

    One of another package's type cannot match where that package is not installed.

    raises: InvalidError naming the field and a better value.
    """
    if body.kind is not Kind.URL or _is_digest(body.value.lower()):
        value = bytes.fromhex(body.value)
        if why := why_blank(body.kind, value, quality=body.quality):
            is_dull = body.quality is not None and body.quality < MIN_QUALITY
            raise InvalidError("quality" if is_dull else "value", why)
        if body.kind is Kind.EXTERNAL and (why := why_unusable(value)):
            raise InvalidError("value", why)
    check_expiry(body.expires_at, now=now)


def check_spending(spent_bytes: int, *, most: int, now: datetime) -> None:
    """Refuse long values that would take a party over its daily share of the hub's disk.

    spent_bytes: those of today, including the new ones. raises: RateLimitError.
    """
    if spent_bytes > most:
        raise RateLimitError(
            "your party would have shared {spent_bytes:,} bytes of video, audio, text and gop"
            " values today, and {most:,} are taken in a day: share digests, or go on after"
            " midnight UTC, or ask whoever runs the hub for more",
            retry_after_s=_until_midnight_s(now),
            spent_bytes=spent_bytes,
            most=most,
        )


def _until_midnight_s(now: datetime) -> int:
    """Return the seconds until the next day (UTC)."""
    at = now.astimezone(UTC)
    return _DAY_S - (at.hour * 3600 + at.minute * 60 + at.second)


def refused_content() -> RefusedContentError:
    """Return the refusal of a value that is on the hub's list of known abuse material."""
    label = labels()["csam"]
    return RefusedContentError(
        "value",
        "{title} is never stored here, and this is on a list of it: {refuse_to}",
        title=label.title,
        refuse_to=label.refuse_to,
    )


def check_refused_today(refused: int, *, before: int, is_person: bool, now: datetime) -> None:
    """Refuse to answer a party that has sent too many values of known abuse material today.

    Without a limit, a party could ask which values the list holds. Machines have three quarters, so
    that a broken one does not stop its party's people.

    refused: those of this share. before: those of earlier shares of the day.

    raises: RefusedTooOftenError.
    """
    most = allowance_of(MAX_REFUSED_A_DAY, is_person=is_person)
    if before >= most or before + refused > most:
        raise RefusedTooOftenError(
            "your party has sent too much today that is on a list of child sexual abuse material:"
            " share nothing more before midnight UTC, and ask whoever runs the hub",
            count=refused,
            retry_after_s=_until_midnight_s(now),
        )


def check_counted(refused: int, *, before: int, through: str | None, now: datetime) -> None:
    """Refuse to say which values were refused if they are beyond the limit of the day.

    Each share looks at the limit before it compares. Shares that run beside each other see the same
    number then, so it is compared again with the number under the ledger's lock.

    before: the count that count_refused returned.

    raises: RefusedTooOftenError.
    """
    by_ref = through or ""
    if refused and not by_ref.startswith(EXCHANGE):
        is_person = by_ref.startswith("person:")
        check_refused_today(refused, before=before, is_person=is_person, now=now)


def check_hops(via: Iterable[UUID], *, hub: UUID) -> None:
    """Refuse a signal that has come through this hub before, so that it does not loop."""
    if hub in via:
        raise InvalidError(
            "via", "contains this hub: the signal came from here and cannot be shared again"
        )


def check_crisis(facts: SignalCrisis | None, *, crisis: UUID, exercise: bool) -> None:
    """Refuse a crisis that the sharer does not take part in, that is closed, or of another mark."""
    if facts is None:
        raise InvalidError(
            "crisis",
            "there is no crisis {crisis} that your party may see: leave it out",
            crisis=crisis,
        )
    if not facts.in_room:
        raise InvalidError(
            "crisis", "your party is not a participant: join the crisis first, or leave it out"
        )
    if not facts.is_open:
        raise InvalidError("crisis", "is closed and accepts no more signals: leave it out")
    if facts.exercise is not exercise:
        crisis_mark = "an exercise" if facts.exercise else "real"
        raise InvalidError(
            "exercise",
            "the crisis is {what} and the signal is not: both must be the same",
            what=crisis_mark,
        )


def check_same(facts: Facts, before: Facts) -> None:
    """Refuse to share a value again with other facts."""
    if facts == before:
        return
    fields = [
        name for name, new, old in zip(Facts._fields, facts, before, strict=True) if new != old
    ]
    raise ConflictError(
        "your party already shares this value with another {fields}: withdraw that signal "
        "first, or send the same properties",
        fields=", ".join(fields),
    )


def check_audience(names: Iterable[str], *, existing: Iterable[str]) -> None:
    """Refuse an audience that names an unknown party: a misspelt name would leave somebody out."""
    if unknown := sorted(set(names) - set(existing)):
        raise InvalidError(
            "audience",
            "there is no party {unknown!r}: see the list of parties",
            unknown=unknown[0][:60],
        )


def check_retention(
    sent: RetentionIn | None, *, expires_at: datetime | None, kind: PartyKind, now: datetime
) -> None:
    """Refuse a basis that the party's kind may not use, and a date after the default's.

    Who needs a row for longer extends it, with a reason.

    raises: InvalidError naming the field.
    """
    if sent is None:
        return
    retention_rules.check_basis(sent.legal_basis, kind=kind)
    latest = signal_term_ends(now)
    retention_rules.check_until(sent.until, latest=min(latest, expires_at or latest), now=now)


def check_readers(
    sent: RetentionIn | None, *, sharer: str, audience: Mapping[str, PartyKind]
) -> None:
    """Refuse a purpose that names readers, if the handling marks let others read the signal.

    audience: the kinds of the parties that the signal names, by name.

    raises: InvalidError with the remedy.
    """
    readers = retention_rules.readers_of(sent.purpose if sent else None)
    if not readers:
        return
    if not audience:
        raise InvalidError(
            "audience",
            "the purpose {purpose} allows only {kinds} to read this signal: name them as its"
            " audience",
            purpose=sent.purpose if sent else "",
            kinds=" or ".join(sorted(readers)),
        )
    others = sorted(
        name for name, kind in audience.items() if kind not in readers and name != sharer
    )
    if others:
        raise InvalidError(
            "audience",
            "the purpose {purpose} allows only {kinds} to read this signal, and {party} is none:"
            " leave it out, or choose another purpose",
            purpose=sent.purpose if sent else "",
            kinds=" or ".join(sorted(readers)),
            party=others[0],
        )


def check_withdraw(facts: SignalFacts, *, kind: PartyKind, name: str) -> None:
    """Refuse a withdrawal by any party but the sharer or an agency, or of an ended signal."""
    if kind is not PartyKind.AGENCY and name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who shared this signal, or an agency can withdraw it: dispute "
            "it instead",
            shared_by=facts.shared_by,
        )
    check_live(facts)


def check_republish(facts: SignalFacts, *, name: str) -> None:
    """Refuse a new description by any party other than the sharer, or of an ended signal."""
    if name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who shared this signal, can change its description",
            shared_by=facts.shared_by,
        )
    check_live(facts)


def check_extend(
    facts: SignalFacts, *, name: str, before: datetime | None, until: datetime, now: datetime
) -> None:
    """Refuse to have a signal expire later by any party other than the sharer, or not later.

    Each extension is by the term of signals at most, as that of other rows is.

    before: when it expires now; None for never.
    """
    if name != facts.shared_by:
        raise NotAllowedError(
            "only {shared_by}, who shared this signal, can extend it", shared_by=facts.shared_by
        )
    check_live(facts)
    if before is None:
        raise ConflictError("this signal does not expire by itself: there is nothing to extend")
    if until > (latest := signal_term_ends(now)):
        raise InvalidError(
            "until",
            "is later than {latest:%Y-%m-%d}, the latest date: give an earlier one, and extend the"
            " signal again when that date comes",
            latest=latest,
        )
    if until <= before:
        raise ConflictError(
            "this signal expires at {before:%Y-%m-%d %H:%M} UTC, which is not earlier: choose a"
            " longer time",
            before=before,
        )


def check_within_crisis(until: datetime, *, ends_at: datetime | None) -> None:
    """Refuse to have a signal outlive its closed crisis. ends_at: None if nothing ends it."""
    if ends_at is not None and until > ends_at:
        raise ConflictError(
            "this signal ends with its crisis at {ends_at:%Y-%m-%d %H:%M} UTC: ask a party that"
            " leads the crisis to adopt it, or share it again afterwards",
            ends_at=ends_at,
        )


def check_impersonal(text: str, *, field: str) -> None:
    """Refuse personal data without exception: in titles, rows of batches, public reports.

    Other texts are checked where people write them: protocol/privacy/free_text.py.

    raises: InvalidError.
    """
    if places := find_personal(text):
        raise InvalidError(
            field, "contains personal data ({places}): remove it", places=describe_spans(places)
        )


def check_live(facts: SignalFacts) -> None:
    """Refuse to change a signal that no longer matches."""
    if facts.state is not SignalState.LIVE:
        when = f" at {facts.ended_at:%Y-%m-%d %H:%M:%S} UTC" if facts.ended_at else ""
        word = "was withdrawn" if facts.state is SignalState.WITHDRAWN else "expired"
        raise ConflictError("this signal {word}{when}: it no longer matches", word=word, when=when)


def check_opinion(facts: SignalFacts, *, kind: PartyKind) -> None:
    """Refuse opinions of observers, and opinions about signals that have ended."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError(
            "observers cannot give opinions: tell the party that shared the signal"
        )
    check_live(facts)


def check_report(*, kind: PartyKind) -> None:
    """Refuse outcome reports of parties that are not providers."""
    if kind is not PartyKind.PROVIDER:
        raise NotAllowedError("only providers can report outcomes: use a provider's key")


def span_of(moment: datetime, *, since: datetime | None) -> tuple[datetime, int]:
    """Return the end and the length in minutes of the time span that an outcome counts in.

    Five minutes in the first day of a crisis, when every quarter of an hour matters; then hours.

    since: when the crisis was warned of; None without a crisis.
    """
    minutes = 5 if since and moment < since + timedelta(days=1) else 60
    size_s = 60 * minutes
    end_s = (moment.timestamp() // size_s + 1) * size_s
    return datetime.fromtimestamp(end_s, UTC), minutes


def pack_audience(names: Iterable[str]) -> str:
    """Return an audience in its stored form: "|a|b|"; "" if it names no party."""
    ordered = sorted(set(names))
    return f"|{'|'.join(ordered)}|" if ordered else ""


def unpack_audience(packed: str) -> frozenset[str]:
    """Return the party names in a stored audience."""
    return frozenset(packed.strip("|").split("|")) if packed else frozenset()


def read_rows(
    bodies: Sequence[SignalIn | RowError], *, errors: list[RowError], now: datetime
) -> Iterator[SignalDraft]:
    """Yield drafts of the rows that are valid by themselves; append the others to errors.

    Rows with the same content share one Facts object, which most rows of a bulk do.
    """
    facts_cache: dict[tuple[object, ...], Facts] = {}
    term_ends = signal_term_ends(now)
    ids = uuids_at(now, count=len(bodies))
    for row, body in enumerate(bodies):
        if isinstance(body, RowError):
            errors.append(body)
            continue
        try:
            check_signal(body, now=now)
            if body.expires_at is not None and body.expires_at > term_ends:
                body = body.model_copy(update={"expires_at": None})  # noqa: PLW2901  # ends before
            value, address, long = _stored_value(body)
        except InvalidError as error:
            errors.append(RowError(row=row, field=error.field, message=error.message))
        else:
            facts = facts_cache.get(cache_key := _facts_in(body)) or facts_cache.setdefault(
                cache_key, facts_of(body)
            )
            yield SignalDraft(
                row, body, value=value, url=address, facts=facts, uid=next(ids), long=long
            )


def uuid_at(now: datetime) -> UUID:
    """Return an unguessable id that sorts by time, so that a database appends it to its index.

    source: RFC 9562 section 5.7 (UUIDv7: 48 bits of milliseconds, 74 random bits).
    """
    return next(uuids_at(now, count=1))


def uuids_at(now: datetime, *, count: int) -> Iterator[UUID]:
    """Yield so many ids as of uuid_at, whose random bits are asked of the system together."""
    milliseconds = int(now.timestamp() * 1000)
    fixed = milliseconds << 80 | 0x7 << 76 | 0b10 << 62
    random_bytes = secrets.token_bytes(count * _ID_BYTES)
    for start in range(0, len(random_bytes), _ID_BYTES):
        random_bits = int.from_bytes(random_bytes[start : start + _ID_BYTES])
        yield UUID(int=fixed | random_bits & _ID_RANDOM)


def _stored_value(body: SignalIn) -> tuple[str, str, bytes | None]:
    """Return a signal's value as stored, its canonical address, and its long value if it has one.

    raises: InvalidError for an invalid address, or one that would cover many publishers.
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
            "is longer than {max_url_chars} characters when encoded: share the digest instead",
            max_url_chars=MAX_URL_CHARS,
        )
    return url.digest(address).hex(), address, None


def _reach(body: SignalIn) -> UrlScope:
    """Return the reach of a URL signal: a single address by default."""
    return UrlScope[body.reach.name] if body.reach else UrlScope.ADDRESS


def _is_digest(value: str) -> bool:
    """Whether a URL signal came as the digest of its canonical spelling."""
    return len(value) == 2 * SIZE_BYTES[Kind.URL] and not set(value) - set("0123456789abcdef")
