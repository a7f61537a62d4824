# SPDX-License-Identifier: Apache-2.0
"""stemtide runaway: signals that match far more uploads than is plausible."""

from typing import Annotated, Any

import typer

from stemtide.cli.hub_command import Request, hub_command

runaway = typer.Typer(
    no_args_is_help=True, help="Signals that match far more uploads than is plausible."
)

_SignalId = Annotated[str, typer.Argument(help="The signal's id, from: stemtide runaway list.")]
_Reason = Annotated[str, typer.Option(help="Reason in your own words; no personal data.")]


def _line(row: dict[str, Any]) -> str:
    """Describe a signal that matches too much on one line."""
    mark = "lowered" if row["lowered"] else "cleared" if row["cleared"] else "reported"
    parties = sorted({report["party"] for report in row["reports"]})
    return (
        f"{row['signal']}  {mark:8} shared by {row['shared_by']}"
        f"  {row['reporting']} of {row['needed']} parties  {', '.join(parties) or 'nobody'}"
    )


@hub_command(runaway, "list", line=_line, empty="No signal matches more than is plausible.")
def list_runaways(
    signal: Annotated[str, typer.Option(help="Only the signal with this id.")] = "",
) -> Request:
    """List signals that agents report, or that were lowered or cleared."""
    return lambda client: client.list_runaways(signal=signal or None)


@hub_command(runaway, "lower", line=_line)
def lower(signal_id: _SignalId, reason: _Reason) -> Request:
    """Lower a signal to hold everywhere, as an agency."""
    from stemtide.protocol.sync.runaways import RunawayDecisionIn

    body = RunawayDecisionIn.model_validate({"reason": reason})
    return lambda client: client.lower_runaway(body, uid=signal_id)


@hub_command(runaway, "lift", line=_line)
def lift(signal_id: _SignalId, reason: _Reason) -> Request:
    """Decide as an agency that a signal's matches are right. Earlier reports no longer count."""
    from stemtide.protocol.sync.runaways import RunawayDecisionIn

    body = RunawayDecisionIn.model_validate({"reason": reason})
    return lambda client: client.clear_runaway(body, uid=signal_id)
