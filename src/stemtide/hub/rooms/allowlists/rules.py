# SPDX-License-Identifier: Apache-2.0
"""Rules for the allow-list: who may change it, what an entry may cover, what it covers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url import canonical
from stemtide.fingerprints.url.reach import UrlScope, expressions, rule_of
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, RefusalError
from stemtide.hub.platform.permissions import LEADING_ROLES
from stemtide.hub.rooms.parties.rules.parties import check_expiry
from stemtide.protocol.enums import PartyKind, Reach, Role
from stemtide.protocol.messages.signals import MAX_URL_CHARS, RowError
from stemtide.protocol.sync.allowlists import (
    DEFAULT_WITHIN_BITS,
    MAX_LIST,
    AllowEntryIn,
)

KEY_WITHIN_BITS = DEFAULT_WITHIN_BITS
"""Maximum PDQ distance of an entry that a key adds: a wider one needs a person."""

PROTECTED_CONFIRMATIONS = 2
"""A signal that so many parties confirm is protected, whoever shares it."""

_STATES = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})


class AllowlistRefusedError(RefusalError):
    """Some entries cannot be added, so none was. errors: all of them."""

    def __init__(self, errors: Sequence[RowError]) -> None:
        super().__init__(
            f"{len(errors)} of the entries cannot be added, so none was: correct the rows named"
            " here"
        )
        self.errors = list(errors)


@dataclass(frozen=True, slots=True)
class AllowDraft:
    """An entry that is valid by itself. value, url: as the entry's row holds them."""

    row: int
    body: AllowEntryIn
    value: str
    url: str

    @property
    def kind(self) -> Kind:
        """Return the kind of the entry."""
        return Kind(self.body.kind)

    @property
    def within_bits(self) -> int | None:
        """Return the distance of a PDQ entry, its own or the default; None for other kinds."""
        if self.kind is not Kind.PDQ:
            return None
        bits = self.body.within_bits
        return DEFAULT_WITHIN_BITS if bits is None else bits

    @property
    def reach(self) -> str | None:
        """Return the reach of a URL that covers more than one address, else None."""
        reach = self.body.reach
        return None if reach in (None, Reach.ADDRESS) else reach.value


@dataclass(frozen=True, slots=True)
class Coverage:
    """Live signals of other parties that entries cover, in numbers.

    protected: those that an authority or agency shares, or that two parties confirm.
    """

    covered: int = 0
    protected: int = 0


def check_change(*, kind: PartyKind, role: Role | None) -> None:
    """Refuse changes by all but agencies, and by people who do not decide for theirs.

    None: a key, whose scope was checked. Decision 0103 says why no authority is among them.
    """
    if kind is not PartyKind.AGENCY:
        raise NotAllowedError(
            "only an agency changes the hub's allow-list: ask it, and say what the content is and"
            " who vouches for it"
        )
    if role is not None and role not in LEADING_ROLES:
        raise NotAllowedError(
            "your role ({role}) cannot change the allow-list: ask a duty officer or the coordinator"
            " of your party",
            role=role.replace("_", " "),
        )


def check_remove(*, removed_at: datetime | None, kind: PartyKind, role: Role | None) -> None:
    """Refuse to remove an entry that has left the list. removed_at: None if it has not."""
    check_change(kind=kind, role=role)
    if removed_at is not None:
        raise ConflictError(
            "the entry was removed at {at:%Y-%m-%d %H:%M} UTC: put it back first", at=removed_at
        )


def check_restore(*, is_listed: bool, kind: PartyKind, role: Role | None) -> None:
    """Refuse to put an entry back while its value is on the list."""
    check_change(kind=kind, role=role)
    if is_listed:
        raise ConflictError("the list has an entry of this value: remove that one first")


def check_wide(draft: AllowDraft, *, role: Role | None) -> None:
    """Refuse entries of keys that cover much: a stolen key must not silence a whole host."""
    if role is not None:
        return
    if draft.reach is not None:
        raise InvalidError(
            "reach", "a key adds single addresses only: add a folder or host at the desk"
        )
    if (draft.within_bits or 0) > KEY_WITHIN_BITS:
        raise InvalidError(
            "within_bits",
            "a key adds pictures within {bits} bits only: add a wider entry at the desk",
            bits=KEY_WITHIN_BITS,
        )


def check_coverage(coverage: Coverage, *, role: Role | None, is_accepted: bool) -> None:
    """Refuse entries that cover signals of others, unless somebody has accepted the number.

    Signals that an authority or agency shares, or that two parties confirm, need a person.
    """
    if coverage.covered and not is_accepted:
        raise ConflictError(
            "the entries cover {covered} live signals of other parties ({protected} shared by an"
            " authority or agency, or confirmed by two): agents would no longer act on them by"
            " themselves. Look at them first; send accept_covered to add the entries anyway",
            covered=coverage.covered,
            protected=coverage.protected,
        )
    if coverage.protected and role is None:
        raise NotAllowedError(
            "the entries cover {protected} live signals that an authority or agency shares, or that"
            " two parties confirm: a person of the agency adds them at the desk, not a key",
            protected=coverage.protected,
        )


def check_room(count: int) -> None:
    """Refuse a list that is longer than agents keep. count: of its entries with the new ones."""
    if count > MAX_LIST:
        raise ConflictError(
            "the list would have {count} entries, and {most} are the most: remove some first",
            count=count,
            most=MAX_LIST,
        )


def is_protected(*, shared_by: PartyKind, confirmations: int) -> bool:
    """Whether only a person may add an entry that covers a signal."""
    return shared_by in _STATES or confirmations >= PROTECTED_CONFIRMATIONS


def read_entries(
    bodies: Sequence[AllowEntryIn], *, errors: list[RowError], role: Role | None, now: datetime
) -> list[AllowDraft]:
    """Return drafts of the entries that are valid by themselves; append the others to errors."""
    drafts = []
    for row, body in enumerate(bodies):
        try:
            check_expiry(body.expires_at, now=now)
            value, url = _stored_value(body)
            draft = AllowDraft(row, body, value, url)
            check_wide(draft, role=role)
        except InvalidError as error:
            errors.append(RowError(row=row, field=error.field, message=error.message))
        else:
            drafts.append(draft)
    return drafts


def _stored_value(body: AllowEntryIn) -> tuple[str, str]:
    """Return an entry's value as stored, and the canonical expression of a URL.

    raises: InvalidError for an invalid address, or one that would cover many publishers.
    """
    if body.kind != "url":
        return body.value.lower(), ""
    reach = UrlScope[body.reach.name] if body.reach else UrlScope.ADDRESS
    try:
        expression = rule_of(body.value, reach=reach)
    except canonical.UrlError as error:
        raise InvalidError("value", str(error)) from error
    if len(expression) > MAX_URL_CHARS:
        raise InvalidError("value", "is too long when encoded: list its folder instead")
    return canonical.digest(expression).hex(), expression


def expressions_above(url: str) -> Iterator[str]:
    """Yield the expression itself, and every wider one that covers all of it.

    url: a canonical expression: an address, a folder or a host. "" has none.
    """
    if url:
        yield url
        yield from (expression for _, expression in expressions(url) if expression != url)


def digests_above(url: str) -> list[str]:
    """Return the digests of `expressions_above`, in hex."""
    return [canonical.digest(expression).hex() for expression in expressions_above(url)]
