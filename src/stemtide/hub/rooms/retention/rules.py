# SPDX-License-Identifier: Apache-2.0
"""Rules of retention: who stops or extends an erasure and until when."""

from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import check_may_stop_erasure
from stemtide.protocol.enums import Role
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.retention import RowClass, retention

REST_AFTER_LIFT = timedelta(days=7)
"""A lifted hold stops the erasure for this long, so that a new hold can undo a mistake."""


def check_place(*, erased_at: datetime | None, is_held: bool) -> None:
    """Refuse a hold on a row that is erased, or that the party holds already."""
    check_there(erased_at)
    if is_held:
        raise ConflictError("your party holds this row already: lift that hold first")


def check_lift(*, role: Role | None, is_held: bool) -> None:
    """Refuse to lift a hold for a machine, and one that the party does not have.

    raises: NotAllowedError, ConflictError.
    """
    check_may_stop_erasure(role)
    if role is None:
        raise NotAllowedError("only a person can lift a legal hold: sign in at the desk")
    if not is_held:
        raise ConflictError("your party has no hold on this row: only who placed a hold lifts it")


def check_change(*, is_own: bool, party: str) -> None:
    """Refuse another basis, purpose or date for a row of another party. raises: NotAllowedError."""
    if not is_own:
        raise NotAllowedError(
            "only {party} can change the legal basis, purpose and date of this row: put it on hold,"
            " or ask them",
            party=party,
        )


def check_there(erased_at: datetime | None) -> None:
    """Refuse acts on a row that is erased. raises: ConflictError."""
    if erased_at is not None:
        raise ConflictError(
            "this row was erased on {at:%Y-%m-%d}: nothing of it can be kept", at=erased_at
        )


def check_extend(
    row_class: RowClass, *, before: datetime | None, until: datetime, now: datetime
) -> None:
    """Refuse an extension that is none, and one by more than the default allows at once.

    A preview keeps the date of its sender, which the hub's own limit bounds.

    raises: ConflictError for a preview and a row without a date; InvalidError naming the field.
    """
    if row_class is RowClass.PREVIEW:
        raise ConflictError(
            "a preview cannot be extended: put it on hold, or send it again if you still need it"
        )
    if before is None:
        raise ConflictError("this row has no date of its own: it goes with the row it belongs to")
    if until <= before:
        raise InvalidError(
            "until",
            "is not later than {before:%Y-%m-%d}, when the row is erased: give a later date",
            before=before,
        )
    rule = retention().classes[row_class]
    latest = months_after(now, rule.months + rule.after_end)
    if until > latest:
        raise InvalidError(
            "until",
            "is later than {latest:%Y-%m-%d}: an extension adds at most {months} months from now,"
            " and you can extend again",
            latest=latest,
            months=rule.months + rule.after_end,
        )


def check_until(until: datetime | None, *, now: datetime) -> None:
    """Refuse a hold that would be over at once. raises: InvalidError."""
    if until is not None and until <= now:
        raise InvalidError("until", "is past: give a later date, or leave it out")
