# SPDX-License-Identifier: Apache-2.0
"""stemtide webhook: addresses of your party that the hub calls."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail, give, tell

if TYPE_CHECKING:
    from stemtide.protocol.messages.webhooks import WebhookDeliveryState

webhook = typer.Typer(no_args_is_help=True, help="Addresses of your party that the hub calls.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
WebhookId = Annotated[str, typer.Argument(help="The webhook's id, from: stemtide webhook list.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="An event type, 'signal.*', or '*'; give it several times."),
]


@webhook.command("add")
def add(
    url: Annotated[str, typer.Argument(help="An https address, port 443 or 8443.")],
    event_type: Types = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="Exercises too.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Register an address. Its secret is shown once: keep it where the receiver reads it."""
    from stemtide.protocol.messages.webhooks import WebhookIn

    body = {"url": url, "event_types": event_type or ["*"], "exercise": exercise}
    with asking(hub, key) as client:
        made = plain(client.add_webhook(WebhookIn.model_validate(body)))
    give(made, as_json=as_json, line=f"{made['id']}  {made['secret']}")
    tell("The secret is shown this once. Try it: stemtide webhook test ID")


@webhook.command("list")
def list_all(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List your party's webhooks and how they stand."""
    with asking(hub, key) as client:
        rows = plain(client.list_webhooks())
    if not rows:
        tell("Your party has no webhook: stemtide webhook add URL")
    for row in rows:
        _tell(row, as_json=as_json)


@webhook.command("show")
def show(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show how one webhook stands."""
    with asking(hub, key) as client:
        row = plain(client.read_webhook(uid=webhook_id))
    _tell(row, as_json=as_json)


@webhook.command("test")
def try_it(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Have the hub send it a test, and say under which id."""
    with asking(hub, key) as client:
        row = plain(client.try_webhook(uid=webhook_id))
    _tell_delivery(row, as_json=as_json)
    tell("It is on its way. See what became of it: stemtide webhook deliveries ID")


@webhook.command("secret")
def secret(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Renew its signing secret: shown once; the one before signs beside it for a day."""
    with asking(hub, key) as client:
        made = plain(client.renew_webhook_secret(uid=webhook_id))
    give(made, as_json=as_json, line=made["secret"])
    tell(f"The secret before it signs as well until {made['both_until']}.")


@webhook.command("change")
def change(
    webhook_id: WebhookId,
    event_type: Types = None,
    exercise: Annotated[
        bool | None, typer.Option("--exercise/--no-exercise", help="Exercises too, or not.")
    ] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Change what it is told; your key looks after it from now on."""
    asked = {"event_types": event_type, "exercise": exercise}
    body = {name: value for name, value in asked.items() if value is not None}
    if not body:
        fail("say what changes: --type, --exercise or --no-exercise", code=2)
    _change(webhook_id, body, hub=hub, key=key, as_json=as_json)


@webhook.command("pause")
def pause(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Tell it nothing for now; what happens meanwhile is in the feed alone."""
    _change(webhook_id, {"state": "paused"}, hub=hub, key=key, as_json=as_json)


@webhook.command("resume")
def resume(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Call it again, from now on, with your key."""
    _change(webhook_id, {"state": "active"}, hub=hub, key=key, as_json=as_json)


@webhook.command("remove")
def remove(
    webhook_id: WebhookId,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
) -> None:
    """Take it away, with its delivery log."""
    if not yes:
        fail(f"this removes webhook {webhook_id} and its log for good; say --yes to do it", code=2)
    with asking(hub, key) as client:
        client.remove_webhook(uid=webhook_id)
    tell(f"{webhook_id} is removed.")


@webhook.command("deliveries")
def deliveries(
    webhook_id: WebhookId,
    state: Annotated[str, typer.Option(help="Only those in this state, such as dead.")] = "",
    most: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = 50,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Show its delivery log: what arrived, what waits, what was given up and why."""
    only = _state(state)
    shown, before = 0, None
    with asking(hub, key) as client:
        while shown < most:
            page = client.list_webhook_deliveries(
                uid=webhook_id, state=only, before=before, limit=min(most - shown, 200)
            )
            for row in plain(page.deliveries):
                _tell_delivery(row, as_json=as_json)
            shown += len(page.deliveries)
            before = page.next
            if before is None:
                break
    if not shown:
        tell("Nothing in the log.")


@webhook.command("again")
def again(
    webhook_id: WebhookId,
    delivery_id: Annotated[str, typer.Argument(help="From: stemtide webhook deliveries ID.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Try what is dead or stopped again, under the same id."""
    with asking(hub, key) as client:
        row = plain(client.retry_webhook_delivery(uid=webhook_id, delivery=delivery_id))
    _tell_delivery(row, as_json=as_json)


def _change(webhook_id: str, body: dict[str, Any], *, hub: str, key: str, as_json: bool) -> None:
    """Change a webhook, and say how it stands."""
    from stemtide.protocol.messages.webhooks import WebhookChangeIn

    with asking(hub, key) as client:
        row = plain(client.change_webhook(WebhookChangeIn.model_validate(body), uid=webhook_id))
    _tell(row, as_json=as_json)


def _state(word: str) -> "WebhookDeliveryState | None":
    """The state that a word names; None for none."""
    from stemtide.protocol.messages.webhooks import WebhookDeliveryState

    try:
        return WebhookDeliveryState(word) if word else None
    except ValueError:
        fail(f"--state {word!r}: write one of {', '.join(WebhookDeliveryState)}", code=2)


def _tell(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one webhook."""
    line = f"{row['id']}  {row['state']:9} {row['waiting']:3} waiting {row['dead']:3} dead"
    line += f"  {row['url']}  {' '.join(row['event_types'])}  {row['reason']}"
    give(row, as_json=as_json, line=line.rstrip())


def _tell_delivery(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one delivery."""
    status = row["status"] if row["status"] is not None else ""
    line = f"{row['id']}  {row['type']:18} {row['state']:8} {row['attempts']:2} {status!s:3}"
    give(row, as_json=as_json, line=f"{line}  {row['said']}".rstrip())
