# SPDX-License-Identifier: Apache-2.0
"""stemtide agent report: reports that a provider makes with its agent alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.commands.agent.abuse import cybertip, hotlines
from stemtide.cli.dsa_files import Half, Out, Year, hand_over, read_form_file
from stemtide.cli.output import AsJson, fail_on

if TYPE_CHECKING:
    from stemtide.agent.config.transparency import Transparency
    from stemtide.protocol.law.dsa.figures import ReportForm

report = typer.Typer(no_args_is_help=True, help="Reports that a provider makes.")
report.command("cybertip")(cybertip)
report.command("hotlines")(hotlines)


@report.command("dsa")
def dsa(
    year: Year,
    half: Half = 0,
    config: Annotated[
        Path | None,
        typer.Option(help="Path of agent.toml; without it, ./agent.toml or the environment."),
    ] = None,
    form: Annotated[
        Path | None, typer.Option(help="A .toml or .json file with what you add.")
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Fill in the template of DSA transparency reports.

    The agent counts what it blocked and undid. Everything else is in --form. Without --out, lists
    the cells that are missing. The agent may be running. docs/use/dsa-report.md explains the form.
    """
    from stemtide.agent.config.settings import ConfigError, load
    from stemtide.agent.outbox.restrictions import count_days
    from stemtide.agent.store.schema import StoreError
    from stemtide.protocol.law.dsa.figures import ReportCounts
    from stemtide.protocol.law.dsa.report import fill
    from stemtide.protocol.law.dsa.template import Period

    period = Period(year, half)
    entries = read_form_file(form)
    with fail_on(ConfigError, StoreError):
        settings = load(config)
        blocks = count_days(settings.data_dir, begins=period.begins, ends=period.ends)
    entries = _with_grounds(entries, settings.transparency)
    today = datetime.now(UTC).date()
    hand_over(
        fill(ReportCounts(blocks=blocks), entries, period=period, today=today), out, as_json=as_json
    )


def _with_grounds(form: "ReportForm", settings: "Transparency | None") -> "ReportForm":
    """Add the grounds of blocks from the agent's settings, unless the form has them."""
    if settings is None:
        return form
    is_removal = settings.visibility == "removed"
    return form.model_copy(
        update={
            "ground": form.ground or settings.ground.value,
            "measure": form.measure or ("removal" if is_removal else "disable"),
        }
    )
