# SPDX-License-Identifier: Apache-2.0
"""stemtide outlier: reported uploads that do not count until a person decides."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_command import Request, hub_command

outlier = typer.Typer(no_args_is_help=True, help="Reported uploads that exceed the look-ups.")

OutlierId = Annotated[str, typer.Argument(help="The outlier's id, from: stemtide outlier list.")]


def _line(row: dict[str, Any]) -> str:
    """Describe an outlier on one line."""
    states = {None: "not decided", True: "counted", False: "left out"}
    drill = " EXERCISE" if row["exercise"] else ""
    return (
        f"{row['id']}  {states[row['is_counted']]}  {row['count']} {row['outcome']} of"
        f" {row['lookups']} look-ups  {row['party']} {row['agent']}  signal {row['signal']}{drill}"
    )


@hub_command(outlier, "list", line=_line, empty="No outlier that your party may see.")
def list_outliers(
    signal: Annotated[str, typer.Option(help="Only of the signal with this id.")] = "",
    is_open: Annotated[bool, typer.Option("--open", help="Only without a decision.")] = False,
) -> Request:
    """List reported uploads that were set aside, undecided ones first."""
    return lambda client: client.list_outliers(signal=signal or None, is_open=is_open)


@hub_command(outlier, "count", line=_line)
def count(outlier_id: OutlierId) -> Request:
    """Count these uploads in all sums."""
    return _decide(outlier_id, is_counted=True)


@hub_command(outlier, "discard", line=_line)
def discard(outlier_id: OutlierId) -> Request:
    """Leave these uploads out of all sums."""
    return _decide(outlier_id, is_counted=False)


def _decide(outlier_id: str, *, is_counted: bool) -> Request:
    """Decide whether reported uploads count."""
    from stemtide.protocol.sync.agents import OutlierDecisionIn

    return lambda client: client.decide_outlier(
        OutlierDecisionIn(is_counted=is_counted), uid=outlier_id
    )
