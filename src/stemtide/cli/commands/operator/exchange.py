# SPDX-License-Identifier: Apache-2.0
"""stemtide exchange: other hubs to pull from and push to, on the hub's own machine."""

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from stemtide.cli.local_hub import OPERATOR, DataDir, now, open_hub
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result
from stemtide.fingerprints.kinds import Kind
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError
from stemtide.protocol.enums import Direction, ExchangeKind, Severity, WithdrawReason
from stemtide.protocol.handling import Pap, Tlp

if TYPE_CHECKING:
    from stemtide.interop.exchanges import ExchangeOut, Terms

exchange = typer.Typer(no_args_is_help=True, help="Other hubs to pull from and push to.")

Name = Annotated[str, typer.Argument(help="The exchange's name, from: stemtide exchange list.")]


@exchange.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Short and stable, such as partner-taxii.")],
    kind: Annotated[ExchangeKind, typer.Option(help="Protocol of the other hub.")],
    address: Annotated[
        str,
        typer.Option(help="URL of the collection, StopNCII endpoint, feed, stream, list or file."),
    ],
    party: Annotated[str, typer.Option(help="Party that owns its signals; use a separate one.")],
    account: Annotated[str, typer.Option(help="User name for HTTP Basic. Default: Bearer.")] = "",
    secret_file: Annotated[
        Path | None, typer.Option(help="File with its password, token or keys; - for stdin.")
    ] = None,
    direction: Annotated[
        Direction, typer.Option(help="Whether records come, signals go, or both.")
    ] = Direction.PULL,
    inside: Annotated[
        bool, typer.Option("--inside", help="Allow TLP:AMBER signals to go there.")
    ] = False,
    push_address: Annotated[str, typer.Option(help="Address to push to, if different.")] = "",
    every: Annotated[int, typer.Option(help="Seconds between two runs.")] = 300,
    kinds: Annotated[
        list[Kind] | None, typer.Option("--only", help="Only signals of this kind.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Label of records without a known one.")
    ] = None,
    severity: Annotated[
        Severity, typer.Option(help="Default for records without one.")
    ] = Severity.MEDIUM,
    tlp: Annotated[Tlp, typer.Option(help="Default for records without one.")] = Tlp.AMBER,
    tlp_loosest: Annotated[Tlp, typer.Option(help="Looser marks are raised to this.")] = Tlp.GREEN,
    tlp_strictest: Annotated[
        Tlp, typer.Option(help="Records with stricter marks are skipped.")
    ] = Tlp.AMBER,
    pap: Annotated[
        Pap, typer.Option(help="Default for records without one, and the loosest.")
    ] = Pap.AMBER,
    confidence: Annotated[
        int, typer.Option(help="Default for records without one, and the maximum.")
    ] = 50,
    most_a_day: Annotated[
        int, typer.Option(help="Maximum number of new signals per day.")
    ] = 200_000,
    crisis: Annotated[UUID | None, typer.Option(help="Attach its signals to this crisis.")] = None,
    exercise: Annotated[
        bool, typer.Option("--exercise", help="Mark all its signals as exercise.")
    ] = False,
    feedback: Annotated[
        bool,
        typer.Option("--feedback", help="Take opinions and counts of TAXII, MISP or OpenCTI, too."),
    ] = False,
    sharing_group: Annotated[
        int | None, typer.Option(help="MISP's sharing group for TLP:AMBER events.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Add another hub to pull from or push to. The hub starts right away.

    Records become signals of one party, marked with the hubs that they came through.
    """
    options = {
        "kinds": tuple(kinds or ()),
        **({"labels": tuple(label)} if label else {}),
        "severity": severity,
        "tlp": tlp,
        "tlp_loosest": tlp_loosest,
        "pap": pap,
        "tlp_strictest": tlp_strictest,
        "confidence": confidence,
        "most_a_day": most_a_day,
        "crisis": crisis,
        "exercise": exercise,
        "feedback": feedback,
        "sharing_group": sharing_group,
    }
    terms, secret = _terms(options), read_secret(secret_file)
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.writes import exchanges as writes
    from stemtide.hub.rooms.parties.reads import parties

    with fail_on(InvalidError, ConflictError, NotFoundError):
        connection = writes.NewExchange(
            name=name,
            kind=kind,
            address=address,
            account=account,
            secret=secret,
            every_s=every,
            direction=direction,
            inside=inside,
            push_address=push_address,
        )
        row = writes.add(
            connection,
            terms=terms,
            party=parties.party(party),
            actor=OPERATOR,
            now=now(),
        )
    _show(row, as_json=as_json)


@exchange.command("list")
def list_exchanges(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List exchanges with their state."""
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.reads import exchanges as reads

    rows = reads.all_exchanges()
    if not rows:
        print_note("No exchange yet. Add one: stemtide exchange add NAME --kind taxii --address …")
    for row in rows:
        _show(row, as_json=as_json)


@exchange.command("show")
def show(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one exchange: terms, state and outcomes of records."""
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.reads import exchanges as reads

    with fail_on(NotFoundError):
        row = reads.describe(reads.find(name))
    _show(row, as_json=as_json)
    if as_json:
        return
    for word, value in row.model_dump(mode="json").items():
        print_note(f"  {word}: {value}")


@exchange.command("log")
def show_log(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the log of an exchange, latest first."""
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.reads import exchanges as reads

    with fail_on(NotFoundError):
        rows = reads.lines(name)
    for row in rows:
        print_result(
            row.model_dump(), as_json=as_json, line=f"{row.at:%Y-%m-%d %H:%M:%S}  {row.words}"
        )


@exchange.command("run")
def run(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Run an exchange now, on this machine, and count the outcomes."""
    open_hub(data_dir)
    from django.conf import settings

    from stemtide.hub.rooms.exchanges.reads import exchanges as reads
    from stemtide.hub.rooms.exchanges.runner import ExchangeRunner
    from stemtide.hub.rooms.exchanges.writes import exchanges as writes

    with fail_on(NotFoundError):
        reads.find(name)
    errands = writes.claim_due(now(), limit=1, name=name)
    if not errands:
        fail("this exchange is paused, or the hub's scheduler is running it: try again")
    runner = ExchangeRunner(loopback=settings.EXCHANGE_LOOPBACK, now=now, jitter=random.random)
    counts = runner.run(errands[0])
    runner.close()
    row = reads.describe(reads.find(name))
    summary = ", ".join(f"{count} {fate}" for fate, count in sorted(counts.items()))
    print_result(
        {"exchange": name, "state": row.state, "counts": counts, "why": row.why},
        as_json=as_json,
        line=f"{name} {row.state}: {summary or 'nothing new'}",
    )
    if row.why:
        fail(row.why)


@exchange.command("organisation")
def match_organisation(
    name: Name,
    uuid: Annotated[UUID, typer.Argument(help="The organisation's UUID in that MISP.")],
    party: Annotated[str, typer.Option(help="The party that this organisation is.")] = "",
    remove: Annotated[
        bool, typer.Option("--remove", help="The organisation is no party any more.")
    ] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Note which party an organisation of a MISP is.

    A signal for named parties is then pushed to a sharing group of only their organisations.
    """
    if bool(party) is remove:
        fail("give either --party NAME or --remove", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.writes import groups
    from stemtide.hub.rooms.parties.reads import parties

    with fail_on(InvalidError, NotFoundError):
        row = groups.match_organisation(
            name,
            uuid,
            party=parties.party(party) if party else None,
            actor=OPERATOR,
            now=now(),
        )
    _show(row, as_json=as_json)


@exchange.command("pause")
def pause(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Pause an exchange. Signals that it brought stay."""
    _change("pause", name, data_dir=data_dir, as_json=as_json)


@exchange.command("resume")
def resume(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Resume an exchange from where it stopped."""
    _change("resume", name, data_dir=data_dir, as_json=as_json)


@exchange.command("remove")
def remove(
    name: Name,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Also withdraw all signals that it brought.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove an exchange and its secret."""
    if not yes:
        consequence = " and withdraws all that it brought" if withdraw else ""
        fail(f"this removes exchange {name}{consequence}; add --yes to confirm", code=2)
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.writes import exchanges as writes

    with fail_on(NotFoundError, ConflictError):
        if withdraw:
            count = _withdraw_all(name, reason=WithdrawReason.OTHER, note="")
            print_note(f"{count} signals withdrawn.")
        writes.remove(name, actor=OPERATOR, now=now())
    print_result(
        {"exchange": name, "state": "removed"}, as_json=as_json, line=f"{name} is removed."
    )


@exchange.command("withdraw")
def withdraw_all(
    name: Name,
    reason: Annotated[WithdrawReason, typer.Option(help="Why.")],
    note: Annotated[str, typer.Option(help="For those who received them. Name no person.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Pause an exchange and withdraw every signal that it brought."""
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.reads import exchanges as reads, withdrawals

    with fail_on(NotFoundError):
        live = withdrawals.live_of(reads.find(name), viewer=None).count()
    if not yes:
        fail(f"this withdraws {live} signals that {name} brought; add --yes to confirm", code=2)
    with fail_on(NotFoundError, ConflictError):
        count = _withdraw_all(name, reason=reason, note=note)
    line = f"{count} signals withdrawn; {name} is paused."
    print_result({"exchange": name, "withdrawn": count}, as_json=as_json, line=line)


@exchange.command("restore")
def restore(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Share again what the last withdrawal of all withdrew. The exchange stays paused."""
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.writes import withdrawals

    with fail_on(NotFoundError, ConflictError):
        withdrawals.restore(name, now=now())
        count = withdrawals.finish(name, now=now()).restored
    line = f"{count} signals are shared again, or wait for a second look."
    print_result({"exchange": name, "restored": count}, as_json=as_json, line=line)


def _withdraw_all(name: str, *, reason: WithdrawReason, note: str) -> int:
    """Withdraw all that an exchange brought, and return how many signals that were."""
    from stemtide.hub.rooms.exchanges.reads import exchanges as reads, withdrawals as brought
    from stemtide.hub.rooms.exchanges.writes import withdrawals
    from stemtide.interop.exchanges import WithdrawAllIn

    live = brought.live_of(reads.find(name), viewer=None).count()
    if not live:
        return 0
    body = WithdrawAllIn(count=live, reason=reason, note=note)
    withdrawals.begin(name, body=body, now=now())
    return withdrawals.finish(name, now=now()).withdrawn


def _change(verb: str, name: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Pause or resume an exchange."""
    open_hub(data_dir)
    from stemtide.hub.rooms.exchanges.writes import exchanges as writes

    with fail_on(NotFoundError, ConflictError):
        act = writes.pause if verb == "pause" else writes.resume
        row = act(name, actor=OPERATOR, now=now())
    _show(row, as_json=as_json)


def _terms(options: dict[str, Any]) -> "Terms":
    """Validate the terms among the options; end the command if one is invalid."""
    from pydantic import ValidationError

    from stemtide.interop.exchanges import Terms

    try:
        return Terms.model_validate(options)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(map(str, first["loc"]))
        return fail(f"{path}: {first['msg'].removeprefix('Value error, ')}", code=2)


def read_secret(path: Path | None) -> str:
    """Read a secret from a file or stdin: other users can see a command line."""
    if path is None:
        return ""
    try:
        return (sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")).strip()
    except OSError as error:
        return fail(f"{path}: {error.strerror}", code=2)


def _show(row: "ExchangeOut", *, as_json: bool) -> None:
    """Print one exchange."""
    last_run = f"last {row.last_ok_at:%Y-%m-%d %H:%M:%S}" if row.last_ok_at else "not yet"
    why = f"  {row.why}" if row.why else ""
    drill = "  EXERCISE" if row.terms.exercise else ""
    line = f"{row.name:20} {row.kind:9} {row.state:8} as {row.party}, {last_run}{why}{drill}"
    print_result(row.model_dump(mode="json"), as_json=as_json, line=line)
