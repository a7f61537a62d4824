# SPDX-License-Identifier: Apache-2.0
"""The second look at an order, for its page: who asked, who may confirm, what the lint finds."""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.desk.orders.annex_forms import language
from stemtide.hub.desk.orders.forms import DraftExtrasForm
from stemtide.hub.desk.orders.remarks import LintRemark, lint_remarks
from stemtide.hub.rooms.orders.reads import drafts, orders, second_looks
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.orders import OrderOut, SecondLookOut


@dataclass(frozen=True, slots=True)
class SecondLookBlock:
    """What the page says of the second look.

    drafted_by, asked_by, decided_by: people and keys of the reader's own party; "" of others.
    is_alone: the authority has nobody else who may decide, so other bodies may confirm it.
    """

    look: SecondLookOut
    is_waiting: bool
    is_alone: bool
    drafted_by: str
    asked_by: str
    decided_by: str
    remarks: list[LintRemark]


def second_look(order_out: OrderOut, *, by: Actor, now: datetime) -> SecondLookBlock | None:
    """Return the block; None for orders without a second look, and for their other sides."""
    look = order_out.second_look
    if look is None:
        return None
    row = orders.find(order_out.id, viewer=by.party)
    is_waiting = look.state is ApprovalState.WAITING
    findings = drafts.findings(row, viewer=row.issuer, now=now) if is_waiting else []
    # The row is newer than the order, and may have been decided between the two reads.
    decided_by = second_looks.decided_by(row, viewer=by.party) if look.decided_at else ""
    return SecondLookBlock(
        look=look,
        is_waiting=is_waiting,
        is_alone=second_looks.is_alone(row),
        drafted_by=_shown(second_looks.drafted_by(row, viewer=by.party), by=by),
        asked_by=_shown(look.asked_by, by=by),
        decided_by=_shown(decided_by, by=by),
        remarks=lint_remarks(findings, labels=_titles()),
    )


def _shown(ref: str | None, *, by: Actor) -> str:
    """Return a person or key of the reader's party for display."""
    return people.address_of(ref, viewer=by.party) if ref else ""


def _titles() -> dict[str, str]:
    """Return the titles of the fields of Annex I, and of those beside it, by name."""
    beside = {name: str(field.label) for name, field in DraftExtrasForm.base_fields.items()}
    annex = {field.name: field.title.within(language()) for field in form("tco-annex-1").fields}
    return annex | beside
