# SPDX-License-Identifier: Apache-2.0
"""stemtide alert, delivery and drill: who is told, what arrived, who answers."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.local_hub import OPERATOR, DataDir, now, open_hub
from stemtide.cli.output import fail, give, tell, told
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError

if TYPE_CHECKING:
    from stemtide.hub.rooms.alerts.reads.deliveries import DeliveryRow
    from stemtide.hub.rooms.alerts.reads.drills import DrillRow

alert = typer.Typer(no_args_is_help=True, help="Your party's alerts.")
delivery = typer.Typer(no_args_is_help=True, help="What became of alerts on their way.")
drill = typer.Typer(no_args_is_help=True, help="Contact drills: who answers when.")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
DeliveryId = Annotated[str, typer.Argument(help="The delivery's id, from: stemtide delivery list.")]


@alert.command("list")
def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Settled ones too.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List the alerts that wait for somebody of your party, the most urgent first."""
    with asking(hub, key) as client:
        rows = plain(client.list_alerts(waiting=None if everything else True))
    if not rows:
        tell("Nothing waits for your party.")
    for row in rows:
        _tell_alert(row, as_json=as_json)


@alert.command("ack")
def acknowledge(
    alert_id: Annotated[str, typer.Argument(help="The alert's id, from: stemtide alert list.")],
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Say that somebody of your party has an alert: nobody else is asked."""
    with asking(hub, key) as client:
        row = plain(client.acknowledge_alert(uid=alert_id))
    _tell_alert(row, as_json=as_json)


@delivery.command("list")
def list_deliveries(
    dead: Annotated[bool, typer.Option("--dead", help="Dead letters only.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List deliveries, the latest first."""
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.reads import deliveries as reads
    from stemtide.hub.rooms.alerts.rules.alerts import DeliveryState

    rows = reads.all_deliveries(by=OPERATOR, state=DeliveryState.DEAD if dead else None)
    if not rows:
        tell("No dead letter." if dead else "Nothing was sent yet.")
    for row in rows:
        _tell_delivery(row, as_json=as_json)


@delivery.command("retry")
def retry(delivery_id: DeliveryId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Try a dead delivery again, at the clock's next look."""
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.writes import deliveries as writes

    with told(NotFoundError, ConflictError):
        row = writes.retry(_uid(delivery_id), by=None, now=now())
    give(
        {"delivery": row.uid, "state": row.state},
        as_json=as_json,
        line=f"{row.uid} is tried again.",
    )


@delivery.command("drop")
def drop(
    delivery_id: DeliveryId,
    reason: Annotated[str, typer.Option(help="Why it is given up; no personal data.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a dead delivery up."""
    if not yes:
        fail(f"this gives up delivery {delivery_id} for good; say --yes to do it", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.writes import deliveries as writes

    with told(NotFoundError, ConflictError, InvalidError):
        row = writes.drop(_uid(delivery_id), reason=reason, by=None, now=now())
    give({"delivery": row.uid, "state": row.state}, as_json=as_json, line=f"{row.uid} is dropped.")


@delivery.command("secret")
def secret(
    party: Annotated[str, typer.Argument(help="Name of the party.")],
    address: Annotated[str, typer.Option(help="Of this contact point only.")] = "",
    rotate: Annotated[bool, typer.Option("--rotate", help="Make a new one first.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what signs the alerts to a party's contact points, the newest secret first.

    After --rotate the secrets before sign beside the new one for 24 hours.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.reads import deliveries as reads
    from stemtide.hub.rooms.alerts.writes import deliveries as writes

    with told(NotFoundError):
        points = reads.points_of(party, address=address, by=OPERATOR)
    if rotate and len(points) != 1:
        fail("say which contact point gets a new secret: --address …", code=2)
    for point in points:
        moment = now()
        if rotate:
            with told(ConflictError):
                found = writes.rotate_secret(point, actor=OPERATOR, now=moment)
        else:
            found = reads.secrets(point, by=OPERATOR, now=moment)
        for one in found:
            row: dict[str, object] = {"address": point.address, "secret": one}
            give(row, as_json=as_json, line=f"{point.address:40} {one}")


@drill.command("start")
def start(
    party: Annotated[list[str] | None, typer.Option(help="Name of a party; several.")] = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Alert all parties.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Alert parties through their ladders, marked as an exercise, to see who answers."""
    if everybody is bool(party):
        fail("say whom: --party NAME, several times, or --everybody", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.writes import drills as writes

    with told(NotFoundError, ConflictError, InvalidError):
        uid = writes.start(None if everybody else party, by=None, now=now())
    give({"drill": uid}, as_json=as_json, line=str(uid))
    tell(f"The hub's clock sends it. See who answers: stemtide drill show {uid}")


@drill.command("show")
def show(
    drill_id: Annotated[str, typer.Argument(help="The drill's id; the latest if left out.")] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show who answered a drill when, at which step, and who did not."""
    open_hub(data_dir)
    from stemtide.hub.rooms.alerts.reads import drills as reads

    rows = reads.all_drills(by=OPERATOR)
    found = [row for row in rows if not drill_id or str(row.uid) == drill_id]
    if not found:
        fail("there is no such drill: start one with: stemtide drill start --everybody")
    _tell_drill(found[0], as_json=as_json)


def _uid(text: str) -> UUID:
    """An id as it was typed."""
    try:
        return UUID(text)
    except ValueError:
        fail(f"{text[:60]!r} is no id: see stemtide delivery list", code=2)


def _tell_alert(row: dict[str, Any], *, as_json: bool) -> None:
    """Hand out one alert."""
    line = f"{row['id']}  {row['urgency']:8} {row['state']:12} {row['title']}"
    give(row, as_json=as_json, line=line)


def _tell_delivery(row: "DeliveryRow", *, as_json: bool) -> None:
    """Hand out one delivery."""
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
    give(facts, as_json=as_json, line=f"{line}  {row.last_error}".rstrip())


def _tell_drill(row: "DrillRow", *, as_json: bool) -> None:
    """Hand out a drill, an answer a line."""
    tell(
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
        give(facts, as_json=as_json, line=f"{line}  {answer.via or ''}".rstrip())
