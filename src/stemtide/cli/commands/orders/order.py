# SPDX-License-Identifier: Apache-2.0
"""stemtide order: inform, draft, issue and show removal orders."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import AsJson, fail, print_note, print_result, printable
from stemtide.protocol.enums.orders import EmergencyGround, OrderState, Side
from stemtide.protocol.enums.referrals import ContentType

order = typer.Typer(no_args_is_help=True, help="Removal orders under Regulation (EU) 2021/784.")

OrderId = Annotated[str, typer.Argument(help="The order's id, from: stemtide order list.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field of the form. Can be repeated."),
]
AnnexFile = Annotated[
    Path | None,
    typer.Option("--annex", help="A JSON file with fields of the form.", dir_okay=False),
]
Urls = Annotated[
    list[str] | None, typer.Option("--url", help="Exact URL of the content. Can be repeated.")
]
Grounds = Annotated[
    list[str] | None, typer.Option("--ground", help="a to e of Art. 2(7). Can be repeated.")
]
Signals = Annotated[
    list[str] | None,
    typer.Option("--signal", help="Id of your signal of this content. Can be repeated."),
]
MediaService = Annotated[
    bool | None,
    typer.Option(
        "--media-service/--no-media-service", help="The account belongs to a media service."
    ),
]
ToEuropol = Annotated[
    bool | None,
    typer.Option(
        "--copy-to-europol/--no-copy-to-europol", help="Send agencies a copy (Art. 14(6))."
    ),
]
Despite = Annotated[
    str | None, typer.Option(help="If there are warnings: why you issue it all the same.")
]
SIDES = tuple(Side)


def order_line(row: dict[str, Any]) -> str:
    """Describe an order on one line."""
    drill = " EXERCISE" if row["exercise"] else ""
    due = f" due {row['due_at']}" if row["due_at"] else ""
    late = " MISSED" if row["missed_at"] else ""
    waits = row["confirm_due_at"]
    entry = row["entry"]
    by_hand = f" entered by hand by {entry['entered_by']}, {entry['state']}" if entry else ""
    second = f" waits for a second person until {waits}" if waits else ""
    name = row["reference"] or "draft"
    line = f"{row['id']}  {name:14} {row['state']:10} {row['issued_by']} -> {row['addressee']}"
    return f"{line}{due}{late}{second}{by_hand}{drill}"


def _authentic_line(row: dict[str, Any]) -> str:
    """Describe on one line the evidence that an order is authentic."""
    listing = row["listing"]
    source = f" ({listing['source']}, {listing['as_of']})" if listing["source"] else ""
    others = f"; named are {', '.join(listing['others'])}" if listing["others"] else ""
    claim = f"{row['title']}, {row['state']}: published for point ({listing['point']}):"
    claim += f" {listing['answer']}{source}{others}"
    if row["is_entered"]:
        seals = ", ".join(seal["signer"] for seal in row["entered_seals"]) or "nobody"
        return f"{claim}; made elsewhere, its document sealed by {seals}"
    hub = "the hub" if row["hub_seal"] else "nobody"
    key = f"{row['own_seal']['signer']} and {hub}" if row["own_key"] == "ready" else hub
    stamp = f"time stamp {row['stamp']} {row['stamp_host']}".rstrip()
    return f"{claim}; sealed by {key}; own key {row['own_key']}; {stamp}"


def _informed_line(row: dict[str, Any]) -> str:
    """Describe that a provider is informed."""
    return f"{row['to']} is informed. A first order may be issued from {row['order_from']} on."


def _entry_line(row: dict[str, Any]) -> str:
    """Describe an entry of the ledger on one line."""
    return f"{row['number']:>6}  {row['recorded_at']}  {row['actor']:30} {row['kind']}"


def _standing_line(row: dict[str, Any]) -> str:
    """Name the parties that have an order in effect."""
    parties = ", ".join(row["parties"])
    return f"ordered by {parties}" if parties else "no order in effect"


@hub_command(order, "inform", line=_informed_line)
def inform(
    provider: Annotated[str, typer.Argument(help="The provider's name.")],
    text: Annotated[str, typer.Argument(help="Procedures and deadlines, in words.")],
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
) -> Request:
    """Inform a provider of procedures and deadlines. Do it 12 hours before its first order."""
    from stemtide.protocol.messages.orders import InformIn

    body = {"to": provider, "text": text, "exercise": exercise}
    return lambda client: client.inform_provider(InformIn.model_validate(body))


@hub_command(
    order, "draft", line=order_line, note="See what is missing with: stemtide order lint {id}"
)
def draft(
    to: Annotated[str, typer.Option(help="The provider's name.")],
    url: Urls = None,
    ground: Grounds = None,
    reasons: Annotated[str, typer.Option(help="Reasons why it is terrorist content.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
    emergency: Annotated[
        str, typer.Option(help="Reason why a first order cannot wait 12 hours.")
    ] = "",
    emergency_ground: Annotated[
        EmergencyGround | None, typer.Option(help="Which serious harm makes it an emergency.")
    ] = None,
    language: Annotated[str, typer.Option(help="Language tag, such as en.")] = "en",
    content_type: Annotated[
        ContentType, typer.Option(help="Type of the content.")
    ] = ContentType.OTHER,
    signal: Signals = None,
    media_service: MediaService = None,
    copy_to_europol: ToEuropol = None,
    despite: Despite = None,
    crisis: Annotated[str, typer.Option(help="Id of its crisis.")] = "",
    exercise: Annotated[bool, typer.Option("--exercise", help="Mark as an exercise.")] = False,
) -> Request:
    """Create a draft order with known fields filled in. Only your party sees it."""
    from stemtide.protocol.messages.orders import OrderIn

    body = {
        "to": to,
        "annex": _annex_1(annex, set_, url=url, ground=ground, reasons=reasons),
        "emergency": emergency,
        "emergency_ground": emergency_ground,
        "language": language,
        "content_type": content_type,
        "signals": signal or [],
        "is_media_service": bool(media_service),
        "copy_to_europol": bool(copy_to_europol),
        "despite": despite or "",
        "crisis": crisis or None,
        "exercise": exercise,
    }
    return lambda client: client.draft_order(OrderIn.model_validate(body))


@hub_command(order, "change", line=order_line)
def change(
    order_id: OrderId,
    url: Urls = None,
    ground: Grounds = None,
    reasons: Annotated[str, typer.Option(help="Reasons why it is terrorist content.")] = "",
    set_: Fields = None,
    annex: AnnexFile = None,
    emergency: Annotated[
        str | None, typer.Option(help="Reason for the emergency; '' for none.")
    ] = None,
    emergency_ground: Annotated[
        EmergencyGround | None, typer.Option(help="Which serious harm makes it an emergency.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language tag, such as en.")] = None,
    signal: Signals = None,
    media_service: MediaService = None,
    copy_to_europol: ToEuropol = None,
    despite: Despite = None,
) -> Request:
    """Change a draft. Fields that are not named stay; an empty value clears its field."""
    from stemtide.protocol.messages.orders import DraftIn

    fields = _annex_1(annex, set_, url=url, ground=ground, reasons=reasons)
    body = {
        "annex": fields,
        "emergency": emergency,
        "emergency_ground": emergency_ground,
        "language": language,
        "signals": signal,
        "is_media_service": media_service,
        "copy_to_europol": copy_to_europol,
        "despite": despite,
    }
    sent = {name: value for name, value in body.items() if value is not None}
    return lambda client: client.change_order(DraftIn.model_validate(sent), uid=order_id)


@order.command("lint")
def lint(order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """Check a draft for missing or contradictory fields. Exits with 1 if it cannot be issued."""
    with open_client(hub, key) as client:
        problems = to_json(client.lint_order(uid=order_id))
    if not problems:
        print_note("Nothing is missing: the order can be issued.")
    for problem in problems:
        word = "error" if problem["is_error"] else "warning"
        print_result(
            problem, as_json=as_json, line=f"{word:8} {problem['field']}: {problem['message']}"
        )
    if any(problem["is_error"] for problem in problems):
        raise typer.Exit(1)


@hub_command(
    order,
    "issue",
    line=order_line,
    confirm="this issues order {order_id}, or asks a second person to; it binds its addressee",
)
def issue(order_id: OrderId) -> Request:
    """Issue a draft, or submit it to a second person at the desk.

    It is sent at once in an emergency and in an active crisis, and ends after two hours unless a
    second person confirms it. It binds from receipt.
    """
    return lambda client: client.issue_order(uid=order_id)


@hub_command(
    order, "discard", line=order_line, confirm="this erases the content of draft {order_id}"
)
def discard(order_id: OrderId) -> Request:
    """Discard a draft and erase its content."""
    return lambda client: client.discard_order(uid=order_id)


@hub_command(order, "list", line=order_line, empty="No removal order that your party may see.")
def list_orders(
    side: Annotated[str, typer.Option(help="issuer, addressee or home. Default: all.")] = "",
    state: Annotated[OrderState | None, typer.Option(help="Only in this state.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only pending ones.")] = False,
) -> Request:
    """List orders, pending ones first. This does not count as receipt."""
    if side and side not in SIDES:
        fail(f"--side is {side!r}: write one of {', '.join(SIDES)}", code=2)
    return lambda client: client.list_orders(
        side=Side(side) if side else None, state=state, open=True if only_open else None
    )


@order.command("show")
def show(order_id: OrderId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """Show one order with its form. For the addressee, this counts as receipt."""
    with open_client(hub, key) as client:
        row = to_json(client.read_order(uid=order_id))
    print_result(row, as_json=as_json, line=order_line(row))
    if as_json:
        return
    from stemtide.protocol.law.forms import form

    for field in form("tco-annex-1").fields:
        value = row["annex"].get(field.name)
        if value not in (None, "", []):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            print(printable(f"  {field.title.en}: {text}"))
    if look := row["second_look"]:
        print(f"  second look: {look['state']}, asked for at {look['asked_at']}")
    for receipt in row["receipts"]:
        print(f"  received by {receipt['via']} at {receipt['at']}")
    if row["moves"]:
        print_note(f"You may: {', '.join(row['moves'])}.")


@hub_command(order, "authentic", line=_authentic_line)
def authentic(order_id: OrderId) -> Request:
    """Check that an order is authentic: its issuer and its seals."""
    return lambda client: client.read_order_authenticity(uid=order_id)


@hub_command(order, "history", line=_entry_line)
def history(order_id: OrderId) -> Request:
    """Show the ledger entries of an order, oldest first."""
    return lambda client: client.read_order_history(uid=order_id)


@hub_command(order, "standing", line=_standing_line)
def standing(
    url: Annotated[str, typer.Argument(help="An address.")],
    exercise: Annotated[bool, typer.Option("--exercise", help="Look among exercises.")] = False,
) -> Request:
    """Show who has an order in effect for a URL. Ask before you issue your own."""
    return lambda client: client.read_order_standing(url=url, exercise=exercise)


def fields_of(name: str, file: Path | None, assignments: list[str] | None) -> dict[str, Any]:
    """Return fields of a form from a JSON file and FIELD=VALUE, parsed by the field's kind."""
    fields: dict[str, Any] = _from_file(file) if file else {}
    for assignment in assignments or []:
        field, equals, text = assignment.partition("=")
        if not equals:
            fail(f"--set {assignment!r}: write FIELD=VALUE", code=2)
        fields[field] = _value(name, field, text)
    return fields


def _annex_1(
    file: Path | None,
    assignments: list[str] | None,
    *,
    url: list[str] | None,
    ground: list[str] | None,
    reasons: str,
) -> dict[str, Any]:
    """Return the fields of Annex I, including those with options of their own."""
    fields = fields_of("tco-annex-1", file, assignments)
    own = {"urls": url, "grounds": ground, "reasons": reasons}
    return fields | {name: value for name, value in own.items() if value}


def _from_file(file: Path) -> dict[str, Any]:
    """Read a JSON object from a file; end the command if there is none."""
    try:
        fields = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        fail(f"--annex: {file}: {error}", code=2)
    if not isinstance(fields, dict):
        fail(f"--annex: {file}: write one JSON object of fields", code=2)
    return fields


def _value(name: str, field: str, text: str) -> str | bool | list[str]:
    """Convert a value from the command line: lists split at commas or lines, ticks from yes/no."""
    from stemtide.protocol.law.forms import FieldKind, FormError, form

    try:
        kind = form(name).field(field).kind
    except FormError as error:
        names = ", ".join(
            form_field.name for form_field in form(name).fields if not form_field.is_filled_in
        )
        fail(f"--set: {error}; known are {names}", code=2)
    if kind is FieldKind.TICK:
        return text.lower() in {"yes", "true", "1"}
    if kind in {FieldKind.URLS, FieldKind.CHOICES}:
        return [item.strip() for item in text.replace("\n", ",").split(",") if item.strip()]
    return text
