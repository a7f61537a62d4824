# SPDX-License-Identifier: Apache-2.0
"""stemtide outlier: reported uploads that do not count until a person decides."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.output import print_note, print_result

outlier = typer.Typer(no_args_is_help=True, help="Reported uploads that exceed the look-ups.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
OutlierId = Annotated[str, typer.Argument(help="The outlier's id, from: stemtide outlier list.")]


@outlier.command("list")
def list_outliers(
    signal: Annotated[str, typer.Option(help="Only of the signal with this id.")] = "",
    is_open: Annotated[bool, typer.Option("--open", help="Only without a decision.")] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List reported uploads that were set aside, undecided ones first."""
    with open_client(hub, key) as client:
        rows = to_json(client.list_outliers(signal=signal or None, is_open=is_open))
    if not rows:
        print_note("No outlier that your party may see.")
    for row in rows:
        _print_row(row, as_json=as_json)


@outlier.command("count")
def count(
    outlier_id: OutlierId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Count these uploads in all sums."""
    _decide(outlier_id, is_counted=True, hub=hub, key=key, as_json=as_json)


@outlier.command("discard")
def discard(
    outlier_id: OutlierId, hub: Hub = DEFAULT_HUB, key: Key = "", as_json: AsJson = False
) -> None:
    """Leave these uploads out of all sums."""
    _decide(outlier_id, is_counted=False, hub=hub, key=key, as_json=as_json)


def _decide(outlier_id: str, *, is_counted: bool, hub: str, key: str, as_json: bool) -> None:
    from stemtide.protocol.sync.agents import OutlierDecisionIn

    body = OutlierDecisionIn(is_counted=is_counted)
    with open_client(hub, key) as client:
        row = to_json(client.decide_outlier(body, uid=outlier_id))
    _print_row(row, as_json=as_json)


def _print_row(row: dict[str, Any], *, as_json: bool) -> None:
    """Print one outlier."""
    states = {None: "not decided", True: "counted", False: "left out"}
    drill = " EXERCISE" if row["exercise"] else ""
    line = (
        f"{row['id']}  {states[row['is_counted']]}  {row['count']} {row['outcome']} of"
        f" {row['lookups']} look-ups  {row['party']} {row['agent']}  signal {row['signal']}{drill}"
    )
    print_result(row, as_json=as_json, line=line)
