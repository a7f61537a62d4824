# SPDX-License-Identifier: Apache-2.0
"""stemtide order: what comes back to an order, and how it ends."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.orders.order import (
    AnnexFile,
    AsJson,
    Fields,
    OrderId,
    fields_of,
    order,
    tell_order,
)
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail
from stemtide.protocol.enums.orders import AccessPurpose, Measure, ReviewKind, ScrutinyBasis

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from stemtide.client import Hub as Client

Words = Annotated[str, typer.Argument(help="Why, or what, in words.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it.")]


@order.command("acknowledge")
def acknowledge(
    order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Say that somebody of yours has an order. Its hour goes on."""
    _do(lambda client: client.acknowledge_order(uid=order_id), hub=hub, key=key, as_json=as_json)


@order.command("execute")
def execute(
    order_id: OrderId,
    measure: Annotated[Measure | None, typer.Option(help="What was done.")] = None,
    at: Annotated[str, typer.Option(help="When, with its time zone.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Answer by Annex II: removed, or access disabled in all Member States."""
    own = {"measure": measure and measure.value, "measure_at": at}
    body = _answer("tco-annex-2", annex, set_, own)
    from stemtide.protocol.messages.orders import OrderAnswerIn

    _do(
        lambda client: client.execute_order(OrderAnswerIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("suspend")
def suspend(
    order_id: OrderId,
    ground: Annotated[list[str] | None, typer.Option(help="A ground of Annex III.")] = None,
    explanation: Annotated[str, typer.Option(help="Further information on it.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Answer by Annex III: it cannot be executed. The clock stands still."""
    body = _answer("tco-annex-3", annex, set_, {"grounds": ground, "explanation": explanation})
    from stemtide.protocol.messages.orders import OrderAnswerIn

    _do(
        lambda client: client.suspend_order(OrderAnswerIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("resume")
def resume(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Say, as the addressee, that the ground is over. The hour starts anew."""
    from stemtide.protocol.messages.orders import WordsIn

    _do(
        lambda client: client.resume_order(WordsIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("clarify")
def clarify(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Clear up, as the issuer, what Annex III asked. The hour starts anew."""
    from stemtide.protocol.messages.orders import WordsIn

    _do(
        lambda client: client.clarify_order(WordsIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("reinstate")
def reinstate(
    order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Say that the content of an order that lost its effect is there again."""
    _do(lambda client: client.reinstate_content(uid=order_id), hub=hub, key=key, as_json=as_json)


@order.command("withdraw")
def withdraw(
    order_id: OrderId,
    words: Words,
    yes: Yes = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Take an order back. The signals that it names are withdrawn with it."""
    if not yes:
        fail(f"this ends order {order_id} and withdraws its signals; say --yes to do it", code=2)
    from stemtide.protocol.messages.orders import WordsIn

    _do(
        lambda client: client.withdraw_order(WordsIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("prolong")
def prolong(
    order_id: OrderId,
    reason: Words,
    until: Annotated[str, typer.Option(help="Until when, with its time zone.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Keep an order from its content provider for longer: at most twelve weeks in all."""
    body = {"until": until, "reason": reason}
    from stemtide.protocol.messages.orders import SecrecyIn

    _do(
        lambda client: client.prolong_secrecy(SecrecyIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("ask-scrutiny")
def ask_scrutiny(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Ask the authority of your Member State to examine an order, within 48 hours of receipt."""
    body = {"basis": ScrutinyBasis.PROVIDER.value, "reasons": words}
    from stemtide.protocol.messages.orders import ScrutinyIn

    _do(
        lambda client: client.ask_scrutiny(ScrutinyIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("scrutiny")
def open_scrutiny(
    order_id: OrderId,
    words: Words,
    informed_at: Annotated[
        str, typer.Option(help="For a content provider: when it was informed, with its zone.")
    ] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Examine an order that you have a copy of, by yourself or for a content provider."""
    basis = ScrutinyBasis.CONTENT_PROVIDER if informed_at else ScrutinyBasis.OWN_INITIATIVE
    body = {"basis": basis.value, "reasons": words, "informed_at": informed_at or None}
    from stemtide.protocol.messages.orders import ScrutinyIn

    _do(
        lambda client: client.open_scrutiny(ScrutinyIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("announce")
def announce(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Tell the issuer that you intend to find an infringement, and why."""
    from stemtide.protocol.messages.orders import WordsIn

    _do(
        lambda client: client.announce_infringement(WordsIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("uphold")
def uphold(
    order_id: OrderId, words: Words, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Find no infringement: the order stands."""
    from stemtide.protocol.messages.orders import WordsIn

    _do(
        lambda client: client.uphold_order(WordsIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("infringe")
def infringe(
    order_id: OrderId,
    words: Words,
    yes: Yes = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Find an infringement: the order loses its effect, and its content is to be reinstated."""
    if not yes:
        fail(f"this takes the effect from order {order_id}; say --yes to do it", code=2)
    from stemtide.protocol.messages.orders import WordsIn

    _do(
        lambda client: client.find_infringement(WordsIn(text=words), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("preserve")
def preserve(
    order_id: OrderId,
    until: Annotated[str, typer.Option(help="Until when, with its time zone.")],
    proceedings: Annotated[ReviewKind, typer.Option(help="Review proceedings that are going on.")],
    before: Annotated[str, typer.Option(help="The authority or court before which they are.")],
    since: Annotated[str, typer.Option(help="The day on which they began: 2026-01-31.")],
    reference: Annotated[str, typer.Option(help="Their file number.")],
    court: Annotated[str, typer.Option(help="The court that asks, if it is not you.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Ask the provider to preserve what it removed for longer, for review proceedings.

    Art. 6(2) allows no other reason. For an investigation ask the provider for access to what is
    preserved (Art. 6(1)(b)), or use national law.
    """
    body = {
        "until": until,
        "proceedings": proceedings,
        "reviewed_by": before,
        "reviewed_since": since,
        "reference": reference,
        "court": court,
    }
    from stemtide.protocol.messages.orders import PreserveIn

    _do(
        lambda client: client.extend_preservation(PreserveIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("note-access")
def note_access(
    order_id: OrderId,
    who: Annotated[str, typer.Argument(help="The office that had access; not a person.")],
    purpose: Annotated[AccessPurpose, typer.Option(help="For what.")],
    reference: Annotated[str, typer.Option(help="Its case.")] = "",
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Note that somebody had access to what you preserve."""
    body = {"who": who, "purpose": purpose, "reference": reference}
    from stemtide.protocol.messages.orders import AccessIn

    _do(
        lambda client: client.note_access(AccessIn.model_validate(body), uid=order_id),
        hub=hub,
        key=key,
        as_json=as_json,
    )


@order.command("note-destroyed")
def note_destroyed(
    order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Note that you destroyed what you preserved, once its time was over."""
    _do(lambda client: client.note_destroyed(uid=order_id), hub=hub, key=key, as_json=as_json)


def _answer(
    name: str, file: Path | None, said: list[str] | None, own: dict[str, Any]
) -> dict[str, Any]:
    """The body of an answer by a form."""
    found = fields_of(name, file, said)
    return {"annex": found | {field: one for field, one in own.items() if one}}


def _do(ask: "Callable[[Client], BaseModel]", *, hub: str, key: str, as_json: bool) -> None:
    """Do something with an order, and say how it stands."""
    with asking(hub, key) as client:
        made = plain(ask(client))
    tell_order(made, as_json=as_json)
