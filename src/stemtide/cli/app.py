# SPDX-License-Identifier: Apache-2.0
"""The command: stemtide noun verb."""

import sys
from typing import Annotated

import typer

from stemtide import __version__
from stemtide.cli import (  # noqa: F401  # they add their verbs to crisis, order, referral and signal
    crisis_joining,
    crisis_moves,
    order_answers,
    referral_batch,
    signal_export,
    signal_import,
)
from stemtide.cli.agent import agent
from stemtide.cli.alert import alert, delivery, drill
from stemtide.cli.complaint import complaint
from stemtide.cli.crisis import crisis
from stemtide.cli.demo import demo
from stemtide.cli.document import document
from stemtide.cli.exchange import exchange
from stemtide.cli.hold import hold
from stemtide.cli.hub import hub
from stemtide.cli.media import hash_files, match_files
from stemtide.cli.order import order
from stemtide.cli.outlier import outlier
from stemtide.cli.party import key, party
from stemtide.cli.person import person
from stemtide.cli.preview import previews
from stemtide.cli.progress import progress
from stemtide.cli.recheck import recheck
from stemtide.cli.references import MatchCommand
from stemtide.cli.referral import referral
from stemtide.cli.report import report
from stemtide.cli.signal import feed, signal
from stemtide.cli.situation import lead, search, situation
from stemtide.cli.snapshot import snapshot
from stemtide.cli.statement import statement
from stemtide.cli.webhook import webhook
from stemtide.private_files import close_umask

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Stop the viral spread of terrorist content together: hub, agents, exact matching.",
)


@app.callback(invoke_without_command=True)
def stemtide(
    version: Annotated[bool, typer.Option("--version", help="Say the version.")] = False,
) -> None:
    """Options that stand before the noun."""
    if version:
        print(f"stemtide {__version__}")
        raise typer.Exit


app.command("hash")(hash_files)
app.command("match", cls=MatchCommand)(match_files)
app.command("demo")(demo)
app.command("search")(search)
for _noun, _name in (
    (hub, "hub"),
    (agent, "agent"),
    (crisis, "crisis"),
    (situation, "situation"),
    (lead, "lead"),
    (order, "order"),
    (outlier, "outlier"),
    (complaint, "complaint"),
    (report, "report"),
    (progress, "progress"),
    (statement, "statement"),
    (referral, "referral"),
    (hold, "hold"),
    (signal, "signal"),
    (feed, "feed"),
    (snapshot, "snapshot"),
    (party, "party"),
    (person, "person"),
    (key, "key"),
    (exchange, "exchange"),
    (alert, "alert"),
    (delivery, "delivery"),
    (drill, "drill"),
    (previews, "previews"),
    (document, "document"),
    (recheck, "recheck"),
    (webhook, "webhook"),
):
    app.add_typer(_noun, name=_name)


def main() -> None:
    """Run the command; Ctrl-C is no error, a closed pipe neither."""
    close_umask()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # or Python complains that stdout is gone
        sys.exit(0)
