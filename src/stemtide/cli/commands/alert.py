# SPDX-License-Identifier: Apache-2.0
"""stemtide alert, delivery and drill: alerts, their deliveries, and contact drills."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from stemtide.cli.hub_command import Request, hub_command
from stemtide.cli.local_hub import OPERATOR, DataDir, now, open_hub
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from stemtide.hub.rooms.alerts.reads.deliveries import DeliveryRow
    from stemtide.hub.rooms.alerts.reads.drills import DrillRow

alert = typer.Typer(no_args_is_help=True, help="Your party's alerts.")
delivery = typer.Typer(no_args_is_help=True, help="Deliveries of alerts.")
drill = typer.Typer(no_args_is_help=True, help="Contact drills: test who answers alerts, and when.")

DeliveryId = Annotated[str, typer.Argument(help="The delivery's id, from: stemtide delivery list.")]


def _alert_line(row: dict[str, Any]) -> str:
    """Describe an alert on one line."""
    return f"{row['id']}  {row['urgency']:8} {row['state']:12} {row['title']}"


@hub_command(alert, "list", line=_alert_line, empty="No alert waits for your party.")
def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Include settled alerts.")] = False,
) -> Request:
    """List the alerts that wait for your party, most urgent first."""
    return lambda client: client.list_alerts(waiting=None if everything else True)


@hub_command(alert, "ack", line=_alert_line)
def acknowledge(
    alert_id: Annotated[str, typer.Argument(help="The alert's id, from: stemtide alert list.")],
) -> Request:
    """Acknowledge an alert for your party, so that nobody else is alerted."""
    return lambda client: client.acknowledge_alert(uid=alert_id)


@delivery.command("list")
def list_deliveries(
    dead: Annotated[bool, typer.Option("--dead", help="Dead letters only.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List deliveries, latest first."""
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.reads import deliveries as reads
    from stemtide.hub.rooms.alerts.rules.alerts import DeliveryState

    rows = reads.all_deliveries(state=DeliveryState.DEAD if dead else None)
    if not rows:
        print_note("No dead delivery." if dead else "No delivery yet.")
    for row in rows:
        _print_delivery(row, as_json=as_json)


@delivery.command("retry")
def retry(delivery_id: DeliveryId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Retry a dead delivery at the scheduler's next run."""
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.writes import deliveries as writes

    with fail_on(NotFoundError, ConflictError):
        row = writes.retry(_uid(delivery_id), by=None, now=now())
    print_result(
        {"delivery": row.uid, "state": row.state},
        as_json=as_json,
        line=f"{row.uid} will be retried.",
    )


@delivery.command("drop")
def drop(
    delivery_id: DeliveryId,
    reason: Annotated[str, typer.Option(help="Reason to give it up; no personal data.")],
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give up a dead delivery."""
    if not yes:
        fail(f"this gives up delivery {delivery_id} for good; add --yes to confirm", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.writes import deliveries as writes

    with fail_on(NotFoundError, ConflictError, InvalidError):
        row = writes.drop(_uid(delivery_id), reason=reason, by=None, now=now())
    print_result(
        {"delivery": row.uid, "state": row.state}, as_json=as_json, line=f"{row.uid} is dropped."
    )


@delivery.command("secret")
def secret(
    party: Annotated[str, typer.Argument(help="Name of the party.")],
    address: Annotated[str, typer.Option(help="Only this contact point.")] = "",
    rotate: Annotated[bool, typer.Option("--rotate", help="Create a new secret first.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the secrets that sign alerts to a party, newest first.

    After --rotate, the previous secrets also sign for 24 hours.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.reads import deliveries as reads
    from stemtide.hub.rooms.alerts.writes import deliveries as writes

    with fail_on(NotFoundError):
        points = reads.points_of(party, address=address)
    if rotate and len(points) != 1:
        fail("name the contact point that gets a new secret: --address …", code=2)
    for point in points:
        moment = now()
        if rotate:
            with fail_on(ConflictError):
                secrets = writes.rotate_secret(point, actor=OPERATOR, now=moment)
        else:
            secrets = reads.secrets(point, now=moment)
        for value in secrets:
            row: dict[str, object] = {"address": point.address, "secret": value}
            print_result(row, as_json=as_json, line=f"{point.address:40} {value}")


@drill.command("start")
def start(
    party: Annotated[
        list[str] | None, typer.Option(help="Name of a party. Can be repeated.")
    ] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Alert all parties.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send an exercise alert to parties, to see who answers. It follows their contact ladders."""
    if everybody is bool(party):
        fail("name the parties: --party NAME, repeated, or --everybody", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.writes import drills as writes

    with fail_on(NotFoundError, ConflictError, InvalidError):
        uid = writes.start(None if everybody else party, by=None, now=now())
    print_result({"drill": uid}, as_json=as_json, line=str(uid))
    print_note(f"The hub's scheduler sends it. See who answers: stemtide drill show {uid}")


@drill.command("show")
def show(
    drill_id: Annotated[str, typer.Argument(help="The drill's id. Default: the latest.")] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show who answered a drill, when and at which step, and who did not."""
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.reads import drills as reads

    rows = reads.all_drills()
    drills = [row for row in rows if not drill_id or str(row.uid) == drill_id]
    if not drills:
        fail("there is no such drill; start one with: stemtide drill start --everybody")
    _print_drill(drills[0], as_json=as_json)


def _uid(text: str) -> UUID:
    """Parse an id from the command line."""
    try:
        return UUID(text)
    except ValueError:
        fail(f"{text[:60]!r} is not an id: see stemtide delivery list", code=2)


def _print_delivery(row: "DeliveryRow", *, as_json: bool) -> None:
    """Print one delivery."""
    facts: dict[str, object] = {
        "delivery": row.uid,
        "alert": row.alert,
        "party": row.party,
        "channel": row.channel,
        "address": row.address,
        "state": row.state,
        "attempts": row.attempts,
        "queued_at": row.queued_at,
        "sent_at": row.sent_at,
        "last_error": row.last_error,
        "proof": row.proof,
        "exercise": row.exercise,
    }
    line = f"{row.uid}  {row.party:20} {row.channel:8} {row.state:12} {row.attempts}  {row.title}"
    print_result(facts, as_json=as_json, line=f"{line}  {row.last_error}".rstrip())


def _print_drill(row: "DrillRow", *, as_json: bool) -> None:
    """Print a drill, one line per party."""
    print_note(
        f"Drill {row.uid} of {row.started_at:%Y-%m-%d %H:%M} UTC: {row.answered} answered,"
        f" {row.missing} did not, {row.waiting} still asked."
    )
    for answer in row.answers:
        after = f"{answer.answered_s:.0f} s" if answer.answered_s is not None else ""
        facts: dict[str, object] = {
            "drill": row.uid,
            "party": answer.party,
            "state": answer.state,
            "step": answer.step,
            "via": answer.via,
            "answered_at": answer.answered_at,
            "answered_s": answer.answered_s,
            "asked": list(answer.asked),
            "errors": list(answer.errors),
        }
        line = f"{answer.party:25} {answer.state:13} step {answer.step}  {after:>8}"
        print_result(facts, as_json=as_json, line=f"{line}  {answer.via or ''}".rstrip())
