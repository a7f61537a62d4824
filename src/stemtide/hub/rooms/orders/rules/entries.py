# SPDX-License-Identifier: Apache-2.0
"""Rules of orders that were made elsewhere: who enters one by hand, and who answers for it.

An entry is the word of one side. It binds nobody else until the other side confirms it: figures of
the other side leave it out, and no missed hour is recorded against a provider that did not enter
it. An answer of the provider confirms it too.

source: Regulation (EU) 2021/784 Art. 3. Decision 0151.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_lead, check_person_may_write
from stemtide.hub.rooms.orders.rules import lint
from stemtide.hub.rooms.orders.rules.orders import (
    IN_EFFECT,
    OrderFacts,
    Side,
    check_clock,
    ending_move,
    side_of,
)
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.orders import EntryState, OrderState
from stemtide.protocol.law import deadlines
from stemtide.protocol.law.forms import form, moment_of
from stemtide.protocol.messages.documents import MAX_DOCUMENT_BYTES, SealVerdict, Verification
from stemtide.protocol.messages.orders import EnterIn, OrderOut, Values

APPLIES_FROM = datetime(2022, 6, 7, tzinfo=UTC)
"""First day of application. source: Regulation (EU) 2021/784 Art. 24."""

_ANNEX_1 = "tco-annex-1"
_CLOCKS_DIFFER = timedelta(minutes=5)


def check_may_enter(*, kind: PartyKind, is_competent: bool, role: Role | None) -> None:
    """Check that a party may enter an order: the provider that received it, or its issuer.

    is_competent: whether an authority is registered for issuing.

    raises: NotAllowedError.
    """
    if kind is PartyKind.PROVIDER:
        check_person_may_write(role)
        return
    if kind is not PartyKind.AUTHORITY:
        raise NotAllowedError(
            "only the provider that received an order, or the authority that issued it, can enter"
            " it"
        )
    if not is_competent:
        raise NotAllowedError(
            "your authority is not in the register for issuing removal orders (Art. "
            "12(1)(a)): ask the hub's operator to add it"
        )
    check_person_may_lead(role)


def check_sides(body: EnterIn, *, name: str, kind: PartyKind) -> None:
    """Check that who enters an order is a side of it, and names the other one.

    raises: InvalidError.
    """
    if kind is PartyKind.PROVIDER:
        if body.to not in {"", name}:
            raise InvalidError("to", "is another provider: enter orders that you received")
        if bool(body.issuer) is (body.outside_issuer is not None):
            raise InvalidError(
                "issuer",
                "name the authority that issued it: one of this hub, or another one with its name"
                " and State",
            )
        return
    if body.issuer not in {"", name} or body.outside_issuer is not None:
        raise InvalidError("issuer", "is another authority: enter orders that you issued")
    if not body.to:
        raise InvalidError("to", "name the provider that received it")


def check_outside_name(name: str, *, party_names: Collection[str]) -> None:
    """Refuse an issuer elsewhere that has the name of a party. party_names: in small letters.

    raises: InvalidError.
    """
    if name.strip().casefold() in party_names:
        raise InvalidError(
            "outside_issuer.name", "is a party of this hub: choose it from the list of authorities"
        )


def check_times(*, issued_at: datetime, received_at: datetime, now: datetime) -> None:
    """Check the true times of issue and receipt. raises: InvalidError naming the field."""
    if issued_at < APPLIES_FROM:
        raise InvalidError(
            "issued_at", "is before 7 June 2022, when removal orders became possible: correct it"
        )
    if issued_at > now + _CLOCKS_DIFFER:
        raise InvalidError("issued_at", "is in the future: enter when the order was issued")
    if received_at > now + _CLOCKS_DIFFER:
        raise InvalidError(
            "received_at", "is in the future: enter an order once it has been received"
        )
    if received_at < issued_at:
        raise InvalidError(
            "received_at",
            "is before the issue of the order, {issued_at:%Y-%m-%d %H:%M} UTC: correct one of them",
            issued_at=issued_at.astimezone(UTC),
        )


def check_annex(values: Values) -> None:
    """Check the values copied from the paper: fields may be missing, but not the addresses.

    raises: InvalidError naming the field.
    """
    lint.check_values(values, name=lint.ANNEX_1)
    urls = values.get("urls")
    if not isinstance(urls, list) or not any(url.strip() for url in urls):
        raise InvalidError("annex.urls", "is missing: enter the address of the content")


def check_printable(body: EnterIn) -> None:
    """Refuse texts with control characters: they stand in lists, subjects of mails and terminals.

    raises: InvalidError naming the field.
    """
    outside = body.outside_issuer
    texts = {"reference": body.reference}
    if outside is not None:
        texts |= {"outside_issuer.name": outside.name, "outside_issuer.contact": outside.contact}
    for field, text in texts.items():
        if not text.isprintable():
            raise InvalidError(field, "contains unreadable characters: remove them")


def check_document(report: Verification) -> None:
    """Refuse a file that nobody can read. A seal that does not verify is shown, and no refusal.

    raises: InvalidError.
    """
    if report.size_bytes > MAX_DOCUMENT_BYTES:
        raise InvalidError(
            "document",
            "is larger than {most:,} bytes: scan it again, in black and white",
            most=MAX_DOCUMENT_BYTES,
        )
    if report.verdict is SealVerdict.UNREADABLE:
        raise InvalidError(
            "document", "{why}: give the order as a PDF without a password", why=report.why
        )


def readable(report: Verification) -> Values:
    """Return the entries of Annex I that a trusted hub wrote into a document; none if any is wrong.

    Fields that the hub fills in by itself are left out.
    """
    annex = form(lint.ANNEX_1)
    if report.verdict is not SealVerdict.GENUINE or report.form != annex.name:
        return {}
    own = {field.name for field in annex.fields if not field.is_filled_in}
    values = {name: value for name, value in report.values.items() if name in own}
    return values if allows(lint.check_values, values, name=annex.name) else {}


def head_of(report: Verification) -> tuple[str, datetime | None]:
    """Return reference and time of issue that a trusted hub wrote into a document."""
    if not readable(report):
        return "", None
    reference, issued_at = report.values.get("reference"), report.values.get("issued_at")
    return str(reference or "")[:100], moment_of(issued_at)


def check_new(existing: Mapping[str, object] | None) -> None:
    """Refuse an order that is here already. existing: its reference and id. raises: ConflictError.

    One that the issuer does not recognise is not entered by the provider again.
    """
    if existing is None:
        return
    if existing.get("is_disputed"):
        raise ConflictError(
            "the authority says that it did not issue {reference} (order {id}): ask it",
            **existing,
        )
    raise ConflictError(
        "this order is here already: {reference} (order {id}). Open that one", **existing
    )


def secret_until(values: Values, *, issued_at: datetime) -> datetime | None:
    """Return until when an order is secret: as it says, and never longer than the law allows.

    source: Regulation (EU) 2021/784 Art. 11(3).
    """
    if values.get("non_disclosure") is not True:
        return None
    until = moment_of(values.get("non_disclosure_until"))
    if until is None:
        return deadlines.secrecy_until(issued_at)
    return min(until, deadlines.secrecy_until(issued_at, times=2))


def check_other_side(facts: OrderFacts, *, name: str, role: Role | None) -> None:
    """Check that the other side may say that an order is right.

    raises: NotAllowedError, ConflictError.
    """
    _check_other(facts, name=name, role=role)
    if facts.state not in IN_EFFECT:
        raise ConflictError("this order has no effect any more: there is nothing to confirm")


def check_dispute(facts: OrderFacts, *, name: str, role: Role | None) -> OrderState | None:
    """Return the state after the other side says that an order is not right.

    An order that its issuer does not recognise ends. The word of a provider ends nothing: None.

    raises: NotAllowedError, ConflictError.
    """
    side = _check_other(facts, name=name, role=role)
    if facts.entry is not None and facts.entry.state is not EntryState.WAITING:
        raise ConflictError("your party disputed this order already")
    return _end(facts) if side is Side.ISSUER else None


def check_void(facts: OrderFacts, *, name: str, role: Role | None) -> OrderState:
    """Return the state after who entered an order takes it back, until the other side confirmed it.

    raises: NotAllowedError, ConflictError.
    """
    if facts.entry is None or facts.entry.entered_by != name:
        raise NotAllowedError("only the party that entered this order can take it back")
    is_issuer = side_of(facts, name=name) is Side.ISSUER
    (check_person_may_lead if is_issuer else check_person_may_write)(role)
    if facts.entry.state is EntryState.CONFIRMED:
        raise ConflictError(
            "the other side has confirmed this order: it can no longer be taken back; its issuer"
            " can withdraw it"
        )
    return _end(facts)


def _check_other(facts: OrderFacts, *, name: str, role: Role | None) -> Side:
    """Return the side that an order waits for. raises: NotAllowedError, ConflictError."""
    if facts.entry is None:
        raise ConflictError("this order was made here: there is nothing to confirm")
    side = side_of(facts, name=name)
    if side not in {Side.ISSUER, Side.ADDRESSEE} or facts.entry.entered_by == name:
        raise NotAllowedError("only the other side of this order can do this")
    (check_person_may_lead if side is Side.ISSUER else check_person_may_write)(role)
    if facts.entry.state is EntryState.CONFIRMED:
        raise ConflictError("your party has confirmed this order already")
    if facts.entry.state is EntryState.VOIDED:
        raise ConflictError(
            "{who} has taken this order back: nothing is left to confirm or dispute",
            who=facts.entry.entered_by,
        )
    return side


def _end(facts: OrderFacts) -> OrderState:
    """Return the state of an order that is ended: content that was removed is to be reinstated."""
    return check_clock(facts, ending_move(facts.state, side=Side.ISSUER))


def author_of(order: OrderOut, annex: str) -> str:
    """Return the party that a form of an order is from, and whose own seal it gets.

    The form of an order that was made elsewhere is a copy, and not from its issuer: "".
    """
    if annex != _ANNEX_1:
        return order.addressee
    return order.issued_by if order.entry is None else ""
