# SPDX-License-Identifier: Apache-2.0
"""stemtide order: removal orders until they leave, and to read them."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail, give, tell
from stemtide.protocol.enums.orders import EmergencyGround, OrderState, Side
from stemtide.protocol.enums.referrals import ContentType

order = typer.Typer(no_args_is_help=True, help="Removal orders: Regulation (EU) 2021/784 Art. 3.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
OrderId = Annotated[str, typer.Argument(help="The order's id, from: stemtide order list.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field of the form; as often as needed."),
]
AnnexFile = Annotated[
    Path | None,
    typer.Option("--annex", help="A JSON file with fields of the form.", dir_okay=False),
]
Urls = Annotated[list[str] | None, typer.Option("--url", help="An exact address of the content.")]
Grounds = Annotated[
    list[str] | None, typer.Option("--ground", help="a to e of Art. 2(7); may be given again.")
]
Signals = Annotated[
    list[str] | None, typer.Option("--signal", help="A signal of yours for this content.")
]
SIDES = tuple(Side)


@order.command("inform")
def inform(
    provider: Annotated[str, typer.Argument(help="The provider's name.")],
    text: Annotated[str, typer.Argument(help="Procedures and deadlines, in words.")],
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark it as exercise.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Tell a provider of procedures and deadlines, twelve hours before your first order to it."""
    body = {"to": provider, "text": text, "exercise": exercise}
    from stemtide.protocol.messages.orders import InformIn

    with asking(hub, key) as client:
        made = plain(client.inform_provider(InformIn.model_validate(body)))
    line = f"{made['to']} is informed. A first order may be issued from {made['order_from']} on."
    give(made, as_json=as_json, line=line)


@order.command("draft")
def draft(
    to: Annotated[str, typer.Option(help="The provider's name.")],
    url: Urls = None,
    ground: Grounds = None,
    reasons: Annotated[str, typer.Option(help="Why it is terrorist content.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
    emergency: Annotated[
        str, typer.Option(help="Why a first order could not wait twelve hours.")
    ] = "",
    emergency_ground: Annotated[
        EmergencyGround | None, typer.Option(help="Which serious harm makes it an emergency.")
    ] = None,
    language: Annotated[str, typer.Option(help="The tag of its language.")] = "en",
    content_type: Annotated[ContentType, typer.Option(help="What it is.")] = ContentType.OTHER,
    signal: Signals = None,
    crisis: Annotated[str, typer.Option(help="Id of the crisis it belongs to.")] = "",
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark it as exercise.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Begin an order. What is known already is filled in; nobody else sees a draft."""
    body = {
        "to": to,
        "annex": _annex_1(annex, set_, url=url, ground=ground, reasons=reasons),
        "emergency": emergency,
        "emergency_ground": emergency_ground,
        "language": language,
        "content_type": content_type,
        "signals": signal or [],
        "crisis": crisis or None,
        "exercise": exercise,
    }
    from stemtide.protocol.messages.orders import OrderIn

    with asking(hub, key) as client:
        made = plain(client.draft_order(OrderIn.model_validate(body)))
    tell_order(made, as_json=as_json)
    tell(f"See what is missing with: stemtide order lint {made['id']}")


@order.command("change")
def change(
    order_id: OrderId,
    url: Urls = None,
    ground: Grounds = None,
    reasons: Annotated[str, typer.Option(help="Why it is terrorist content.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
    emergency: Annotated[
        str | None, typer.Option(help="Why it could not wait; '' for none.")
    ] = None,
    emergency_ground: Annotated[
        EmergencyGround | None, typer.Option(help="Which serious harm makes it an emergency.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="The tag of its language.")] = None,
    signal: Signals = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Change a draft. What is not named stays; an empty value empties its field."""
    fields = _annex_1(annex, set_, url=url, ground=ground, reasons=reasons)
    body = {
        "annex": fields,
        "emergency": emergency,
        "emergency_ground": emergency_ground,
        "language": language,
        "signals": signal,
    }
    sent = {name: one for name, one in body.items() if one is not None}
    from stemtide.protocol.messages.orders import DraftIn

    with asking(hub, key) as client:
        made = plain(client.change_order(DraftIn.model_validate(sent), uid=order_id))
    tell_order(made, as_json=as_json)


@order.command("lint")
def lint(order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """Say what is missing in a draft or contradicts itself. Exit 1 while it cannot be issued."""
    with asking(hub, key) as client:
        found = plain(client.lint_order(uid=order_id))
    if not found:
        tell("Nothing is missing: it can be issued.")
    for one in found:
        word = "error" if one["is_error"] else "warning"
        give(one, as_json=as_json, line=f"{word:8} {one['field']}: {one['message']}")
    if any(one["is_error"] for one in found):
        raise typer.Exit(1)


@order.command("issue")
def issue(
    order_id: OrderId,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Issue a draft: it leaves at once, binds from receipt on, and does not change any more."""
    if not yes:
        fail(f"this issues order {order_id}, which binds its addressee; say --yes to do it", code=2)
    with asking(hub, key) as client:
        made = plain(client.issue_order(uid=order_id))
    tell_order(made, as_json=as_json)


@order.command("discard")
def discard(
    order_id: OrderId,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Throw a draft away; what it said is erased."""
    if not yes:
        fail(f"this erases what draft {order_id} says; say --yes to do it", code=2)
    with asking(hub, key) as client:
        tell_order(plain(client.discard_order(uid=order_id)), as_json=as_json)


@order.command("list")
def list_orders(
    side: Annotated[str, typer.Option(help="issuer, addressee or home; empty: all.")] = "",
    state: Annotated[OrderState | None, typer.Option(help="Only in this state.")] = None,
    only_open: Annotated[
        bool, typer.Option("--open", help="Only those that wait for somebody.")
    ] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List orders, those that wait first. A list is no receipt."""
    if side and side not in SIDES:
        fail(f"--side is {side!r}: write one of {', '.join(SIDES)}", code=2)
    with asking(hub, key) as client:
        rows = plain(
            client.list_orders(
                side=Side(side) if side else None, state=state, open=True if only_open else None
            )
        )
    if not rows:
        tell("There is no removal order that your party may see.")
    for row in rows:
        tell_order(row, as_json=as_json)


@order.command("show")
def show(order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """Show one order with its form. For its addressee this is the receipt."""
    with asking(hub, key) as client:
        found = plain(client.read_order(uid=order_id))
    tell_order(found, as_json=as_json)
    if as_json:
        return
    from stemtide.protocol.law.forms import form

    for field in form("tco-annex-1").fields:
        value = found["annex"].get(field.name)
        if value not in (None, "", []):
            told = ", ".join(value) if isinstance(value, list) else str(value)
            print(f"  {field.title.en}: {told}")
    for receipt in found["receipts"]:
        print(f"  received by {receipt['via']} at {receipt['at']}")
    if found["moves"]:
        tell(f"You may: {', '.join(found['moves'])}.")


@order.command("history")
def history(
    order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show what the ledger says of an order, oldest first."""
    with asking(hub, key) as client:
        for row in plain(client.read_order_history(uid=order_id)):
            line = f"{row['number']:>6}  {row['recorded_at']}  {row['actor']:30} {row['kind']}"
            give(row, as_json=as_json, line=line)


@order.command("standing")
def standing(
    url: Annotated[str, typer.Argument(help="An address.")],
    exercise: Annotated[bool, typer.Option("--exercise", help="Among exercises.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Say who has an order in effect for an address, before you ask for it yourself."""
    with asking(hub, key) as client:
        found = plain(client.read_order_standing(url=url, exercise=exercise))
    who = ", ".join(found["parties"])
    give(found, as_json=as_json, line=f"ordered by {who}" if who else "nobody ordered it")


def fields_of(name: str, file: Path | None, said: list[str] | None) -> dict[str, Any]:
    """Fields of a form from a JSON file and from FIELD=VALUE, each as its kind is written."""
    found: dict[str, Any] = _from_file(file) if file else {}
    for one in said or []:
        field, equals, text = one.partition("=")
        if not equals:
            fail(f"--set {one!r}: write FIELD=VALUE", code=2)
        found[field] = _value(name, field, text)
    return found


def tell_order(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one order in a line."""
    drill = " EXERCISE" if row["exercise"] else ""
    due = f" due {row['due_at']}" if row["due_at"] else ""
    late = " MISSED" if row["missed_at"] else ""
    name = row["reference"] or "draft"
    line = f"{row['id']}  {name:14} {row['state']:10} {row['issued_by']} -> {row['addressee']}"
    give(row, as_json=as_json, line=f"{line}{due}{late}{drill}")


def _annex_1(
    file: Path | None,
    said: list[str] | None,
    *,
    url: list[str] | None,
    ground: list[str] | None,
    reasons: str,
) -> dict[str, Any]:
    """Fields of Annex I, with those that have options of their own."""
    found = fields_of("tco-annex-1", file, said)
    own = {"urls": url, "grounds": ground, "reasons": reasons}
    return found | {name: one for name, one in own.items() if one}


def _from_file(file: Path) -> dict[str, Any]:
    """An object from a JSON file; trouble ends the command in one line."""
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        fail(f"--annex: {file}: {error}", code=2)
    if not isinstance(found, dict):
        fail(f"--annex: {file}: write one JSON object of fields", code=2)
    return found


def _value(name: str, field: str, text: str) -> str | bool | list[str]:
    """A field's value from the command line: lists by commas or lines, ticks as yes or no."""
    from stemtide.protocol.law.forms import FieldKind, FormError, form

    try:
        kind = form(name).field(field).kind
    except FormError as error:
        known = ", ".join(one.name for one in form(name).fields if not one.is_filled_in)
        fail(f"--set: {error}; known are {known}", code=2)
    if kind is FieldKind.TICK:
        return text.lower() in {"yes", "true", "1"}
    if kind in {FieldKind.URLS, FieldKind.CHOICES}:
        return [one.strip() for one in text.replace("\n", ",").split(",") if one.strip()]
    return text
