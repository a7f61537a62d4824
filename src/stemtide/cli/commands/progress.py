# SPDX-License-Identifier: Apache-2.0
"""stemtide progress: how far referrals came and, apart from them, how far removal orders did."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking, plain
from stemtide.cli.output import fail, give, tell
from stemtide.protocol.enums.progress import ProgressBy, ProgressOf

progress = typer.Typer(
    no_args_is_help=True, help="How far referrals came and, apart from them, how far orders did."
)

First = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="Default: 1 January."),
]
Last = Annotated[
    datetime | None,
    typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="In it, too. Default: today."),
]
By = Annotated[ProgressBy | None, typer.Option(help="A row for each of these.")]
Of = Annotated[ProgressOf, typer.Option(help="Your party's, or everybody's of one past quarter.")]
Zone = Annotated[str, typer.Option(help="Where days begin, such as Europe/Brussels.")]
Exercise = Annotated[bool, typer.Option("--exercise", help="Count exercises instead.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, the sum last.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="A CSV table, the sum last.")]

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
    """Count how far referrals came, with the time to acknowledgement and to removal."""
    asked = _asked(first, last, by=by, of=of, zone=zone, exercise=exercise)
    with asking(hub, key) as client:
        found = plain(client.read_referral_progress(**asked))
    _tell(found, columns=_REFERRALS, took="to_removal", as_json=as_json, as_csv=as_csv)


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
    """Count how far removal orders came. They are in no figure of referrals."""
    asked = _asked(first, last, by=by, of=of, zone=zone, exercise=exercise)
    with asking(hub, key) as client:
        found = plain(client.read_order_progress(**asked))
    _tell(found, columns=_ORDERS, took="to_execute", as_json=as_json, as_csv=as_csv)


def _asked(
    first: datetime | None,
    last: datetime | None,
    *,
    by: ProgressBy | None,
    of: ProgressOf,
    zone: str,
    exercise: bool,
) -> dict[str, Any]:
    """The query: from 1 January to today, where nothing else is said."""
    until = last.date() if last else datetime.now(UTC).date()
    since = first.date() if first else date(until.year, 1, 1)
    asked = {"from_": since, "to": until, "of": of, "zone": zone}
    return asked | {"exercise": exercise, "by": by}


def _tell(
    found: dict[str, Any], *, columns: tuple[str, ...], took: str, as_json: bool, as_csv: bool
) -> None:
    """Hand out the rows and, last, the sum."""
    from stemtide.protocol.files.progress import progress_csv

    if as_json and as_csv:
        fail("--json and --csv are two forms: choose one", code=2)
    if as_csv:
        print(progress_csv(found["total"], found["rows"]), end="")
        return
    for row in found["rows"]:
        _line(row["name"] or "unknown", row, columns=columns, took=took, as_json=as_json)
    _line("total", found["total"], columns=columns, took=took, as_json=as_json)
    if any(found["total"][name] is None for name in columns if name != "assessed"):
        tell("A dash is a count that is withheld: fewer than four providers stand behind it, or")
        tell("it would give another one away.")


def _line(
    name: str, row: dict[str, Any], *, columns: tuple[str, ...], took: str, as_json: bool
) -> None:
    """Hand out one row."""
    counts = "  ".join(f"{column} {_said(row[column])}" for column in columns)
    median, most = _span(row[took]["median_s"]), _span(row[took]["p90_s"])
    line = f"{name:24} {counts}  median {median}, nine in ten {most}"
    give(row | {"name": name}, as_json=as_json, line=line)


def _said(count: int | None) -> str:
    """A count, or a dash where it is not told."""
    return "-" if count is None else f"{count:,}"


def _span(seconds: float | None) -> str:
    """A time in hours and minutes: "26:05"."""
    if seconds is None:
        return "-"
    minutes = round(seconds / 60)
    return f"{minutes // 60}:{minutes % 60:02d}"
