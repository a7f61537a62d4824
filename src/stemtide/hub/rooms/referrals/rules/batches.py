# SPDX-License-Identifier: Apache-2.0
"""Rules of batches: read rows and decide about each, so that a bad row stops no other."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pydantic import ValidationError

from stemtide.fingerprints.url import canonical
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_lead
from stemtide.hub.rooms.referrals.rules.referrals import REFERRING, read_url
from stemtide.hub.rooms.signals.rules.signals import check_impersonal
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.referrals import RowOutcome
from stemtide.protocol.messages.batches import MAX_ROWS, ROW_COLUMNS, BatchRowIn
from stemtide.protocol.messages.referrals import AssessIn

__all__ = [
    "ReferralDraft",
    "UnreadableRow",
    "allows",
    "check_open",
    "check_owner",
    "check_size",
    "read_row",
    "repeats",
]

_APART = re.compile(r"[\s,;|]+")
_SAID = {
    "missing": "is missing",
    "enum": "is none of the known words",
    "string_too_short": "is missing",
    "string_pattern_mismatch": "is not written as it must be",
    "too_short": "is missing",
}
"""Messages for kinds of error whose own messages are for programmers."""


@dataclass(frozen=True, slots=True)
class ReferralDraft:
    """A row that is right by itself. digest: of its address' canonical spelling."""

    number: int
    body: AssessIn
    url: str
    digest: str


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that cannot be read. message: the problem and its remedy."""

    number: int
    outcome: RowOutcome
    message: str


def check_open(*, kind: PartyKind, role: Role | None) -> None:
    """Check that the party may open a batch: authorities and agencies may, in a leading role."""
    if kind not in REFERRING:
        raise NotAllowedError("only an authority or an agency can refer content: contact one")
    check_person_may_lead(role)


def check_owner(sender: str, *, name: str) -> None:
    """Check that the party that sends rows is the one that opened the batch."""
    if name != sender:
        raise NotAllowedError("only {sender} can send rows of its batch", sender=sender)


def check_size(rows: int) -> None:
    """Check that a batch is small enough for a person to look through."""
    if rows > MAX_ROWS:
        raise ConflictError("a batch has at most {most} rows: open another one", most=MAX_ROWS)


def read_row(row: BatchRowIn, *, exercise: bool) -> ReferralDraft | UnreadableRow:
    """Return a row as a draft of a referral, or the problem with it."""
    try:
        url, spelled = read_url(row.url)
    except InvalidError as error:
        return UnreadableRow(row.number, RowOutcome.BAD_URL, error.message[:500])
    cells = {name: getattr(row, name).strip() for name in ROW_COLUMNS}
    values: dict[str, object] = {name: cell for name, cell in cells.items() if cell}
    values["url"] = url
    values["labels"] = tuple(label for label in _APART.split(row.labels) if label)
    values["exercise"] = exercise
    try:
        body = AssessIn.model_validate(values)
        _check_words(body.reason, body.terms)
    except ValidationError as error:
        return UnreadableRow(row.number, RowOutcome.INVALID, _first(error)[:500])
    except InvalidError as error:
        return UnreadableRow(row.number, RowOutcome.INVALID, str(error)[:500])
    return ReferralDraft(row.number, body=body, url=url, digest=canonical.digest(spelled).hex())


def repeats(drafts: Iterable[tuple[int, tuple[str, int]]]) -> dict[int, int]:
    """Return for each row that repeats an earlier one the number of that earlier row."""
    first: dict[tuple[str, int], int] = {}
    earlier_rows = {}
    for number, key in drafts:
        earlier = first.setdefault(key, number)
        if earlier != number:
            earlier_rows[number] = earlier
    return earlier_rows


@lru_cache(maxsize=1024)
def _check_words(reason: str, terms: str) -> None:
    """Refuse personal data; rows of a batch often give the same reason. raises: InvalidError."""
    check_impersonal(reason, field="reason")
    check_impersonal(terms, field="terms")


def _first(error: ValidationError) -> str:
    """Return the first problem of a row, in words."""
    detail = error.errors(include_url=False)[0]
    field = str(detail["loc"][0]) if detail["loc"] else "row"
    message = _SAID.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    return f"{field}: {message}"
