# SPDX-License-Identifier: Apache-2.0
"""stemtide progress: counts and times of referrals and, separately, of removal orders."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import fail, print_note, print_result
from stemtide.protocol.enums.progress import ProgressBy, ProgressOf

progress = typer.Typer(no_args_is_help=True, help="Progress of referrals and of removal orders.")

First = Annotated[
    datetime | None,
    typer.Option(
        "--from", formats=["%Y-%m-%d"], metavar="DAY", help="First day. Default: 1 January."
    ),
]
Last = Annotated[
    datetime | None,
    typer.Option(
        "--to", formats=["%Y-%m-%d"], metavar="DAY", help="Last day, included. Default: today."
    ),
]
By = Annotated[ProgressBy | None, typer.Option(help="Group rows by this.")]
Of = Annotated[ProgressOf, typer.Option(help="Your party, or everybody in one past quarter.")]
Zone = Annotated[str, typer.Option(help="Where days begin, such as Europe/Brussels.")]
Exercise = Annotated[bool, typer.Option("--exercise", help="Count exercises instead.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per line, the total last.")
]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print a CSV table, the total last.")]

_REFERRALS = (
    *("assessed", "referred", "acknowledged", "removed", "disabled", "geo_blocked", "refused"),
    *("not_found", "waiting", "withdrawn"),
)
_ORDERS = ("issued", "received", "executed", "in_time", "not_executed", "annulled", "open")


@progress.command("referrals")
def referrals(
    first: First = None,
    last: Last = None,
    by: By = None,
    of: Of = ProgressOf.OWN,
    zone: Zone = "UTC",
    exercise: Exercise = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Count referrals by stage, with the times taken.

    Times run to acknowledgement and to removal.
    """
    query = _query(first, last, by=by, of=of, zone=zone, exercise=exercise)
    with open_client(hub, key) as client:
        report = to_json(client.read_referral_progress(**query))
    _print_row(report, columns=_REFERRALS, took="to_removal", as_json=as_json, as_csv=as_csv)


@progress.command("orders")
def orders(
    first: First = None,
    last: Last = None,
    by: By = None,
    of: Of = ProgressOf.OWN,
    zone: Zone = "UTC",
    exercise: Exercise = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Count removal orders by stage, separately from referrals."""
    query = _query(first, last, by=by, of=of, zone=zone, exercise=exercise)
    with open_client(hub, key) as client:
        report = to_json(client.read_order_progress(**query))
    _print_row(report, columns=_ORDERS, took="to_execute", as_json=as_json, as_csv=as_csv)


def _query(
    first: datetime | None,
    last: datetime | None,
    *,
    by: ProgressBy | None,
    of: ProgressOf,
    zone: str,
    exercise: bool,
) -> dict[str, Any]:
    """Return the query; its period is 1 January until today by default."""
    until = last.date() if last else datetime.now(UTC).date()
    since = first.date() if first else date(until.year, 1, 1)
    query = {"from_": since, "to": until, "of": of, "zone": zone}
    return query | {"exercise": exercise, "by": by}


def _print_row(
    report: dict[str, Any], *, columns: tuple[str, ...], took: str, as_json: bool, as_csv: bool
) -> None:
    """Print the rows and, last, the sum."""
    from stemtide.protocol.files.progress import progress_csv

    if as_json and as_csv:
        fail("choose either --json or --csv", code=2)
    if as_csv:
        print(progress_csv(report["total"], report["rows"]), end="")
        return
    for row in report["rows"]:
        _line(row["name"] or "unknown", row, columns=columns, took=took, as_json=as_json)
    _line("total", report["total"], columns=columns, took=took, as_json=as_json)
    if any(report["total"][name] is None for name in columns if name != "assessed"):
        print_note("A dash is a withheld count: it comes from fewer than four providers, or")
        print_note("would reveal another withheld count.")


def _line(
    name: str, row: dict[str, Any], *, columns: tuple[str, ...], took: str, as_json: bool
) -> None:
    """Print one row."""
    counts = "  ".join(f"{column} {_count(row[column])}" for column in columns)
    median, most = _span(row[took]["median_s"]), _span(row[took]["p90_s"])
    line = f"{name:24} {counts}  median {median}, nine in ten {most}"
    print_result(row | {"name": name}, as_json=as_json, line=line)


def _count(count: int | None) -> str:
    """Format a count; a withheld one is a dash."""
    return "-" if count is None else f"{count:,}"


def _span(seconds: float | None) -> str:
    """Format a time in hours and minutes, such as "26:05"."""
    if seconds is None:
        return "-"
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"
