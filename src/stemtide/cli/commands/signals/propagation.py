# SPDX-License-Identifier: Apache-2.0
"""stemtide propagation: when signals reached agents, and how soon they matched."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail, print_note, print_result

if TYPE_CHECKING:
    from stemtide.protocol.sync.propagation import (
        PropagationDayOut,
        RecipientOut,
        StageSum,
    )

propagation = typer.Typer(
    no_args_is_help=True, help="When signals reached agents, and how soon they matched."
)

SignalId = Annotated[str, typer.Argument(help="The signal's id.")]
First = Annotated[
    datetime | None,
    typer.Option(
        "--from", formats=["%Y-%m-%d"], metavar="DAY", help="First day. Default: a week ago."
    ),
]
Last = Annotated[
    datetime | None,
    typer.Option(
        "--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last day, included. Default: today."
    ),
]
Exercise = Annotated[bool, typer.Option("--exercise", help="Show exercises instead.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print a CSV table.")]

_WEEK = timedelta(days=6)


@propagation.command("signal")
def of_signal(
    signal_id: SignalId,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show when a signal reached agents, and what followed.

    Agencies see each recipient, others their own agents. The sharer sees sums as well.
    """
    from stemtide.protocol.files.propagation import recipients_csv

    _check_one(as_json=as_json, as_csv=as_csv)
    with open_client(hub, key) as client:
        answer = client.read_signal_propagation(uid=signal_id)
    if as_csv:
        print(recipients_csv(answer), end="")
        return
    if as_json:
        print_result(to_json(answer), as_json=True, line="")
        return
    for row in answer.sums or ():
        print(_sum_line(row))
    for recipient in answer.recipients:
        print(_recipient_line(recipient))
    if answer.sums is None:
        print_note("Sums are answer to agencies, and to the sharer if enough parties receive it.")


@propagation.command("days")
def days(
    first: First = None,
    last: Last = None,
    exercise: Exercise = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Show how soon agents were reached, by party and day.

    Counts shares and withdrawals. A day is a day in UTC.
    """
    from stemtide.protocol.files.propagation import days_csv

    _check_one(as_json=as_json, as_csv=as_csv)
    until = last.date() if last else datetime.now(UTC).date()
    since = first.date() if first else until - _WEEK
    with open_client(hub, key) as client:
        rows = client.list_propagation(from_=since, to=until, exercise=exercise)
    if as_csv:
        print(days_csv(rows), end="")
        return
    for row in rows:
        print_result(to_json(row), as_json=as_json, line=_day_line(row))
    if not rows:
        print_note("Nothing was shared on these days that your party may see sums of.")


def _check_one(*, as_json: bool, as_csv: bool) -> None:
    """Refuse two formats at once."""
    if as_json and as_csv:
        fail("choose either --json or --csv", code=2)


def _sum_line(row: "StageSum") -> str:
    """Describe a stage on one line."""
    return f"{row.stage:10} {row.count} of {row.of}  {_times(row)}"


def _day_line(row: "PropagationDayOut") -> str:
    """Describe a sum of a day on one line."""
    side = "shared" if row.is_sharer else "received"
    party = row.party or "all parties"
    return (
        f"{row.day}  {party:24} {side:8} {row.stage:10} {row.count}, {row.late} late  {_times(row)}"
    )


def _recipient_line(row: "RecipientOut") -> str:
    """Describe a recipient on one line."""
    times = {
        "delivered": row.delivered_at,
        "applied": row.applied_at,
        "first match": row.matched_at,
        "acted": row.acted_at,
        "withdrawn": row.withdrawn_at,
        "released": row.released_at,
    }
    words = [f"{word} {at:%Y-%m-%d %H:%M:%S}" for word, at in times.items() if at]
    if row.is_applied and not row.applied_at:
        words.append("applied, time not known")
    return f"{row.party} {row.agent}  {', '.join(words) or 'nothing known'}"


def _times(row: "StageSum | PropagationDayOut") -> str:
    """Format the percentiles."""
    return "  ".join(
        f"{name} {'-' if seconds is None else f'{seconds:.2f} s'}"
        for name, seconds in (("p50", row.p50_s), ("p95", row.p95_s), ("p99", row.p99_s))
    )
