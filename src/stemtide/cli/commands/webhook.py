# SPDX-License-Identifier: Apache-2.0
"""stemtide webhook: addresses of your party that the hub calls."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail, print_note, print_result

if TYPE_CHECKING:
    from stemtide.protocol.messages.webhooks import WebhookDeliveryState

webhook = typer.Typer(
    no_args_is_help=True, help="Webhooks: addresses of your party that the hub calls."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
WebhookId = Annotated[str, typer.Argument(help="The webhook's id, from: stemtide webhook list.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="An event type, 'signal.*' or '*'. Can be repeated."),
]


@webhook.command("add")
def add(
    url: Annotated[str, typer.Argument(help="An https address, port 443 or 8443.")],
    event_type: Types = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="Include exercises.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Register a webhook. Its secret is shown once: store it where the receiver reads it."""
    from stemtide.protocol.messages.webhooks import WebhookIn

    body = {"url": url, "event_types": event_type or ["*"], "exercise": exercise}
    with open_client(hub, key) as client:
        row = to_json(client.add_webhook(WebhookIn.model_validate(body)))
    print_result(row, as_json=as_json, line=f"{row['id']}  {row['secret']}")
    print_note("The secret is shown only once. Test the webhook: stemtide webhook test ID")


@webhook.command("list")
def list_all(hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False) -> None:
    """List your party's webhooks with their state."""
    with open_client(hub, key) as client:
        rows = to_json(client.list_webhooks())
    if not rows:
        print_note("Your party has no webhook: stemtide webhook add URL")
    for row in rows:
        _print_row(row, as_json=as_json)


@webhook.command("show")
def show(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Show one webhook with its state."""
    with open_client(hub, key) as client:
        row = to_json(client.read_webhook(uid=webhook_id))
    _print_row(row, as_json=as_json)


@webhook.command("test")
def try_it(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Send a test event to a webhook, and print the id of the delivery."""
    with open_client(hub, key) as client:
        row = to_json(client.try_webhook(uid=webhook_id))
    _print_delivery(row, as_json=as_json)
    print_note("It is being sent. See the outcome with: stemtide webhook deliveries ID")


@webhook.command("secret")
def secret(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Renew a webhook's secret. It is shown once; the old one also signs for a day."""
    with open_client(hub, key) as client:
        row = to_json(client.renew_webhook_secret(uid=webhook_id))
    print_result(row, as_json=as_json, line=row["secret"])
    print_note(f"The old secret also signs until {row['both_until']}.")


@webhook.command("change")
def change(
    webhook_id: WebhookId,
    event_type: Types = None,
    exercise: Annotated[
        bool | None, typer.Option("--exercise/--no-exercise", help="Include or exclude exercises.")
    ] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Change the events of a webhook. From now on it belongs to your key."""
    changes = {"event_types": event_type, "exercise": exercise}
    body = {name: value for name, value in changes.items() if value is not None}
    if not body:
        fail("name a change: --type, --exercise or --no-exercise", code=2)
    _change(webhook_id, body, hub=hub, key=key, as_json=as_json)


@webhook.command("pause")
def pause(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Pause a webhook. Events in the meantime are only in the feed."""
    _change(webhook_id, {"state": "paused"}, hub=hub, key=key, as_json=as_json)


@webhook.command("resume")
def resume(
    webhook_id: WebhookId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Resume a webhook from now on, with your key."""
    _change(webhook_id, {"state": "active"}, hub=hub, key=key, as_json=as_json)


@webhook.command("remove")
def remove(
    webhook_id: WebhookId,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
) -> None:
    """Remove a webhook and its delivery log."""
    if not yes:
        fail(
            f"this removes webhook {webhook_id} and its log for good; add --yes to confirm", code=2
        )
    with open_client(hub, key) as client:
        client.remove_webhook(uid=webhook_id)
    print_note(f"{webhook_id} is removed.")


@webhook.command("deliveries")
def deliveries(
    webhook_id: WebhookId,
    state: Annotated[str, typer.Option(help="Only deliveries in this state, such as dead.")] = "",
    most: Annotated[int, typer.Option(min=1, help="Maximum number of deliveries.")] = 50,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List the deliveries of a webhook with their state and errors, latest first."""
    only = _state(state)
    shown, before = 0, None
    with open_client(hub, key) as client:
        while shown < most:
            page = client.list_webhook_deliveries(
                uid=webhook_id, state=only, before=before, limit=min(most - shown, 200)
            )
            for row in to_json(page.deliveries):
                _print_delivery(row, as_json=as_json)
            shown += len(page.deliveries)
            before = page.next
            if before is None:
                break
    if not shown:
        print_note("No deliveries.")


@webhook.command("again")
def again(
    webhook_id: WebhookId,
    delivery_id: Annotated[str, typer.Argument(help="From: stemtide webhook deliveries ID.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Retry a dead or stopped delivery under the same id."""
    with open_client(hub, key) as client:
        row = to_json(client.retry_webhook_delivery(uid=webhook_id, delivery=delivery_id))
    _print_delivery(row, as_json=as_json)


def _change(webhook_id: str, body: dict[str, Any], *, hub: str, key: str, as_json: bool) -> None:
    """Change a webhook, and print it."""
    from stemtide.protocol.messages.webhooks import WebhookChangeIn

    with open_client(hub, key) as client:
        row = to_json(client.change_webhook(WebhookChangeIn.model_validate(body), uid=webhook_id))
    _print_row(row, as_json=as_json)


def _state(word: str) -> "WebhookDeliveryState | None":
    """Parse --state; None if it is empty."""
    from stemtide.protocol.messages.webhooks import WebhookDeliveryState

    try:
        return WebhookDeliveryState(word) if word else None
    except ValueError:
        fail(f"--state {word!r}: write one of {', '.join(WebhookDeliveryState)}", code=2)


def _print_row(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one webhook."""
    line = f"{row['id']}  {row['state']:9} {row['waiting']:3} waiting {row['dead']:3} dead"
    line += f"  {row['url']}  {' '.join(row['event_types'])}  {row['reason']}"
    print_result(row, as_json=as_json, line=line.rstrip())


def _print_delivery(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one delivery."""
    status = row["status"] if row["status"] is not None else ""
    line = f"{row['id']}  {row['type']:18} {row['state']:8} {row['attempts']:2} {status!s:3}"
    print_result(row, as_json=as_json, line=f"{line}  {row['said']}".rstrip())
