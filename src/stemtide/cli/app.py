# SPDX-License-Identifier: Apache-2.0
"""The program: stemtide noun verb."""

import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated

import typer
from typer.main import get_command

from stemtide import __version__
from stemtide.cli.commands.agent.agent import agent
from stemtide.cli.commands.agent.media import hash_files, match_files
from stemtide.cli.commands.alert import alert, delivery, drill
from stemtide.cli.commands.allowlist import allowlist
from stemtide.cli.commands.approval import approval
from stemtide.cli.commands.catalogue import catalogue
from stemtide.cli.commands.crises import adoptions, moves, participants  # noqa: F401  # they add to crisis
from stemtide.cli.commands.crises.crisis import crisis
from stemtide.cli.commands.crises.report import report
from stemtide.cli.commands.crises.response import role, task
from stemtide.cli.commands.crises.situation import lead, search, situation
from stemtide.cli.commands.document import document
from stemtide.cli.commands.ledger.ledger import ledger
from stemtide.cli.commands.officer.rights import rights
from stemtide.cli.commands.operator import (  # noqa: F401  # they add to hub
    backup,
    checks,
    pull_ncmec,
    reopen_log,
)
from stemtide.cli.commands.operator.demo import demo
from stemtide.cli.commands.operator.exchange import exchange
from stemtide.cli.commands.operator.exercise import exercise
from stemtide.cli.commands.operator.hub import hub
from stemtide.cli.commands.operator.party import key, party
from stemtide.cli.commands.operator.person import person
from stemtide.cli.commands.operator.stress import stress
from stemtide.cli.commands.orders import (  # noqa: F401  # they add to order
    answers,
    entries,
    finality,
    preservation,
)
from stemtide.cli.commands.orders.order import order
from stemtide.cli.commands.progress import progress
from stemtide.cli.commands.referrals import batch  # noqa: F401  # it adds to referral
from stemtide.cli.commands.referrals.complaint import complaint
from stemtide.cli.commands.referrals.hold import hold
from stemtide.cli.commands.referrals.recheck import recheck
from stemtide.cli.commands.referrals.referral import referral
from stemtide.cli.commands.signals import (  # they add to signal
    export,  # noqa: F401
    importer,  # noqa: F401
    local_features,  # noqa: F401
    opinion,  # noqa: F401
)
from stemtide.cli.commands.signals.dispute import dispute
from stemtide.cli.commands.signals.outlier import outlier
from stemtide.cli.commands.signals.preview import previews
from stemtide.cli.commands.signals.propagation import propagation
from stemtide.cli.commands.signals.runaway import runaway
from stemtide.cli.commands.signals.signal import feed, signal
from stemtide.cli.commands.signals.signal_types import signal_types
from stemtide.cli.commands.signer import signer
from stemtide.cli.commands.snapshots.snapshot import snapshot
from stemtide.cli.commands.standing import standing
from stemtide.cli.commands.statements.statement import statement
from stemtide.cli.commands.webhook import webhook
from stemtide.cli.hub_client import insists
from stemtide.cli.output import print_note
from stemtide.cli.references import MatchCommand
from stemtide.private_files import close_umask

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Stop the viral spread of terrorist content together: hub, agents, exact matching.",
)


@app.callback(invoke_without_command=True)
def stemtide(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    insist: Annotated[
        bool,
        typer.Option(
            "--insist",
            help="Send text that looks like personal data, because it is needed.",
        ),
    ] = False,
) -> None:
    """Handle options before the noun."""
    insists.set(insist)
    if version:
        print(f"stemtide {__version__}")
        raise typer.Exit


app.command("hash")(hash_files)
app.command("match", cls=MatchCommand)(match_files)
app.command("demo")(demo)
app.command("stress")(stress)
app.command("search")(search)
for _noun, _name in (
    (hub, "hub"),
    (ledger, "ledger"),
    (agent, "agent"),
    (catalogue, "catalogue"),
    (crisis, "crisis"),
    (role, "role"),
    (task, "task"),
    (situation, "situation"),
    (lead, "lead"),
    (order, "order"),
    (signal_types, "signal-types"),
    (outlier, "outlier"),
    (runaway, "runaway"),
    (dispute, "dispute"),
    (complaint, "complaint"),
    (rights, "rights"),
    (report, "report"),
    (progress, "progress"),
    (propagation, "propagation"),
    (statement, "statement"),
    (referral, "referral"),
    (hold, "hold"),
    (signal, "signal"),
    (signer, "signer"),
    (feed, "feed"),
    (snapshot, "snapshot"),
    (party, "party"),
    (standing, "standing"),
    (person, "person"),
    (key, "key"),
    (exchange, "exchange"),
    (exercise, "exercise"),
    (alert, "alert"),
    (delivery, "delivery"),
    (drill, "drill"),
    (previews, "previews"),
    (document, "document"),
    (recheck, "recheck"),
    (webhook, "webhook"),
    (allowlist, "allowlist"),
    (approval, "approval"),
):
    app.add_typer(_noun, name=_name)


@cache
def command() -> Callable[[], object]:
    """Return the command with all its nouns, made once: it takes longer than most commands."""
    return get_command(app)


def main() -> None:
    """Run the command; Ctrl-C is no error, a closed pipe neither."""
    close_umask()
    try:
        command()()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # or Python complains that stdout is gone
        sys.exit(0)
    except ModuleNotFoundError as error:
        if not error.name or error.name.startswith("stemtide"):
            raise
        extra = "agent" if "agent" in sys.argv[1:2] else "hub"
        extra = "private" if error.name == "voprf" and "match" in sys.argv[1:2] else extra
        print_note(
            f"stemtide: this command needs {error.name}, which is not installed:"
            f" pip install 'stemtide[{extra}]'"
        )
        sys.exit(2)
