# SPDX-License-Identifier: Apache-2.0
"""stemtide webhook: addresses of your party that the hub calls."""

from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client
from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.output import fail, print_note

if TYPE_CHECKING:
    from stemtide.client import Hub as Client
    from stemtide.protocol.messages.webhooks import WebhookDeliveryOut, WebhookDeliveryState

webhook = typer.Typer(
    no_args_is_help=True, help="Webhooks: addresses of your party that the hub calls."
)

WebhookId = Annotated[str, typer.Argument(help="The webhook's id, from: stemtide webhook list.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="An event type, 'signal.*' or '*'. Can be repeated."),
]


def _webhook_line(row: dict[str, Any]) -> str:
    """Describe a webhook on one line."""
    line = f"{row['id']}  {row['state']:9} {row['waiting']:3} waiting {row['dead']:3} dead"
    return f"{line}  {row['url']}  {' '.join(row['event_types'])}  {row['reason']}".rstrip()


def _delivery_line(row: dict[str, Any]) -> str:
    """Describe a delivery on one line."""
    status = row["status"] if row["status"] is not None else ""
    line = f"{row['id']}  {row['type']:18} {row['state']:8} {row['attempts']:2} {status!s:3}"
    return f"{line}  {row['said']}".rstrip()


@hub_command(
    webhook,
    "add",
    line=lambda row: f"{row['id']}  {row['secret']}",
    note="The secret is shown only once. Test the webhook: stemtide webhook test ID",
)
def add(
    url: Annotated[str, typer.Argument(help="An https address, port 443 or 8443.")],
    event_type: Types = None,
    exercise: Annotated[bool, typer.Option("--exercise", help="Include exercises.")] = False,
) -> Request:
    """Register a webhook. Its secret is shown once: store it where the receiver reads it."""
    from stemtide.protocol.messages.webhooks import WebhookIn

    body = {"url": url, "event_types": event_type or ["*"], "exercise": exercise}
    return lambda client: client.add_webhook(WebhookIn.model_validate(body))


@hub_command(
    webhook, "list", line=_webhook_line, empty="Your party has no webhook: stemtide webhook add URL"
)
def list_all() -> Request:
    """List your party's webhooks with their state."""
    return lambda client: client.list_webhooks()


@hub_command(webhook, "show", line=_webhook_line)
def show(webhook_id: WebhookId) -> Request:
    """Show one webhook with its state."""
    return lambda client: client.read_webhook(uid=webhook_id)


@hub_command(
    webhook,
    "test",
    line=_delivery_line,
    note="It is being sent. See the outcome with: stemtide webhook deliveries ID",
)
def try_it(webhook_id: WebhookId) -> Request:
    """Send a test event to a webhook, and print its delivery's id."""
    return lambda client: client.try_webhook(uid=webhook_id)


@hub_command(
    webhook,
    "secret",
    line=itemgetter("secret"),
    note="The old secret also signs until {both_until}.",
)
def secret(webhook_id: WebhookId) -> Request:
    """Renew a webhook's secret. It is shown once; the old one also signs for a day."""
    return lambda client: client.renew_webhook_secret(uid=webhook_id)


@hub_command(webhook, "change", line=_webhook_line)
def change(
    webhook_id: WebhookId,
    event_type: Types = None,
    exercise: Annotated[
        bool | None, typer.Option("--exercise/--no-exercise", help="Include or exclude exercises.")
    ] = None,
) -> Request:
    """Change the events of a webhook. From now on it belongs to your key."""
    changes = {"event_types": event_type, "exercise": exercise}
    body = {name: value for name, value in changes.items() if value is not None}
    if not body:
        fail("name a change: --type, --exercise or --no-exercise", code=2)
    return _change(webhook_id, body)


@hub_command(webhook, "pause", line=_webhook_line)
def pause(webhook_id: WebhookId) -> Request:
    """Pause a webhook. Events in the meantime are only in the feed."""
    return _change(webhook_id, {"state": "paused"})


@hub_command(webhook, "resume", line=_webhook_line)
def resume(webhook_id: WebhookId) -> Request:
    """Resume a webhook from now on, with your key."""
    return _change(webhook_id, {"state": "active"})


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


@hub_command(webhook, "deliveries", line=_delivery_line, empty="No deliveries.")
def deliveries(
    webhook_id: WebhookId,
    state: Annotated[str, typer.Option(help="Only deliveries in this state, such as dead.")] = "",
    most: Annotated[int, typer.Option(min=1, help="Maximum number of deliveries.")] = 50,
) -> Request:
    """List a webhook's deliveries with state and errors, latest first."""
    only = _state(state)

    def latest(client: "Client") -> "Iterator[WebhookDeliveryOut]":
        left, before = most, None
        while left > 0:
            page = client.list_webhook_deliveries(
                uid=webhook_id, state=only, before=before, limit=min(left, 200)
            )
            yield from page.deliveries
            left -= len(page.deliveries)
            before = page.next
            if before is None:
                return

    return latest


@hub_command(webhook, "again", line=_delivery_line)
def again(
    webhook_id: WebhookId,
    delivery_id: Annotated[str, typer.Argument(help="From: stemtide webhook deliveries ID.")],
) -> Request:
    """Retry a dead or stopped delivery under the same id."""
    return lambda client: client.retry_webhook_delivery(uid=webhook_id, delivery=delivery_id)


def _change(webhook_id: str, body: dict[str, Any]) -> Request:
    """Change a webhook."""
    from stemtide.protocol.messages.webhooks import WebhookChangeIn

    return lambda client: client.change_webhook(
        WebhookChangeIn.model_validate(body), uid=webhook_id
    )


def _state(word: str) -> "WebhookDeliveryState | None":
    """Parse --state; None if it is empty."""
    from stemtide.protocol.messages.webhooks import WebhookDeliveryState

    try:
        return WebhookDeliveryState(word) if word else None
    except ValueError:
        fail(f"--state {word!r}: write one of {', '.join(WebhookDeliveryState)}", code=2)
