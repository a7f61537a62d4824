# SPDX-License-Identifier: Apache-2.0
"""stemtide stress: put load on your own hub in exercise mode, and hold it to thresholds."""

import asyncio
import resource
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, read_key
from stemtide.cli.output import AsJson, fail, print_note, print_result

if TYPE_CHECKING:
    from stemtide.exercises.stress.connection import HubAccess
    from stemtide.exercises.stress.load import Stress
    from stemtide.exercises.stress.report import StressReport

_FILES_OF_AGENT = 3  # its stream, the feed, its status
_OTHER_FILES = 100
_SHOWN_S = 0.25
_INTERRUPTED = 130


def stress(
    party: Annotated[
        str,
        typer.Option(help="Name of the party that shares: confirms that you mean this key."),
    ] = "",
    agents: Annotated[int, typer.Option(min=1, max=20_000, help="Simulated agents.")] = 100,
    rate: Annotated[float, typer.Option(min=0.01, max=1000, help="Shares a second.")] = 1.0,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Seconds of sharing.")] = 60.0,
    max_p50_ms: Annotated[
        float | None, typer.Option(min=0, help="Fail if p50 is above.", show_default=False)
    ] = None,
    max_p95_ms: Annotated[
        float | None, typer.Option(min=0, help="Fail if p95 is above.", show_default=False)
    ] = None,
    max_p99_ms: Annotated[
        float | None, typer.Option(min=0, help="Fail if p99 is above.", show_default=False)
    ] = None,
    max_lost: Annotated[
        int, typer.Option(min=0, help="Fail if more arrivals are missing, or come twice.")
    ] = 0,
    keys: Annotated[
        Path | None,
        typer.Option(
            help="File with one key a line. Agents are spread over them, and the first shares."
            " Default: STEMTIDE_KEY.",
            show_default=False,
        ),
    ] = None,
    reports: Annotated[
        bool,
        typer.Option(
            "--reports", help="Agents report their status too. Their names stay on the board."
        ),
    ] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Test your own hub with simulated agents and shares.

    Shares exercise signals that only the parties of the keys can see, and withdraws them at the
    end. Exit code 1 if a threshold is exceeded. How: docs/run/stress.md.
    """
    from stemtide.exercises.stress.load import LoadPlan, Stress, StressError
    from stemtide.exercises.stress.report import broken_thresholds, report

    accesses = _accesses(hub, _read_keys(keys) if keys else [read_key(key)])
    parties = _parties(accesses, party=party)
    _allow_files(agents)
    test = Stress(LoadPlan(accesses, parties, agents, rate=rate, seconds=seconds, reports=reports))
    try:
        _run(_with_progress(test, is_shown=not as_json))
    except StressError as error:
        _note_withdrawn(test)
        fail(str(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _note_withdrawn(test)
        raise typer.Exit(_INTERRUPTED) from None
    _note_withdrawn(test)
    limits = {"p50_ms": max_p50_ms, "p95_ms": max_p95_ms, "p99_ms": max_p99_ms}
    limits |= {"lost": max_lost, "repeats": max_lost, "refused": 0}
    figures = report(test)
    _print(figures, broken_thresholds(figures, limits), test, as_json=as_json)


def _read_keys(file: Path) -> list[str]:
    """Return the keys in a file, one a line."""
    try:
        keys = file.read_text("utf-8").split()
    except OSError as error:
        fail(f"{file}: {error.strerror}", code=2)
    if not keys:
        fail(f"{file} is empty: write one key a line", code=2)
    return keys


def _accesses(hub: str, keys: list[str]) -> "list[HubAccess]":
    """Return the hub's address with each key."""
    from stemtide.exercises.stress.connection import HubAccess

    try:
        return [HubAccess(hub, key) for key in keys]
    except ValueError as error:
        fail(str(error), code=2)


def _parties(accesses: "list[HubAccess]", *, party: str) -> list[str]:
    """Return the parties of the keys; refuse keys that may not be used for a test."""
    from stemtide.protocol.enums import Scope

    parties = []
    for number, access in enumerate(accesses):
        with open_client(access.hub, access.key) as client:
            caller = client.whoami()
        needed = {Scope.FEED_READ, Scope.SIGNALS_WRITE} if number == 0 else {Scope.FEED_READ}
        if missing := sorted(needed - set(caller.scopes)):
            fail(
                f"key {caller.key} of {caller.party} lacks the scope {' and '.join(missing)}: make"
                " one that has it with `stemtide key new --scope`",
                code=2,
            )
        parties.append(caller.party)
    if party != parties[0]:
        fail(
            f"the key is of {parties[0]}: add --party {parties[0]} to share exercise signals at"
            f" {accesses[0].hub} as this party",
            code=2,
        )
    return sorted(set(parties))


def _allow_files(agents: int) -> None:
    """Raise the limit of open files as far as the agents need it."""
    needed = _FILES_OF_AGENT * agents + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        fail(
            f"{agents:,} agents need {needed:,} open files, and this process may have {hard:,}: run"
            f" `ulimit -n {needed}` as root before, or start at most"
            f" {max(0, hard - _OTHER_FILES) // _FILES_OF_AGENT:,} agents",
            code=2,
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run until it ends; Ctrl-C and SIGTERM cancel it, so that it ends in order."""
    import uvloop

    async def cancelled_by_sigterm() -> None:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(cancelled_by_sigterm())


async def _with_progress(test: "Stress", *, is_shown: bool) -> None:
    """Run the test, with a progress line on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    is_hidden = not (is_shown and console.is_terminal)
    with Progress(console=console, disable=is_hidden, transient=True, auto_refresh=False) as bars:
        opening = bars.add_task("Opening streams", total=test.plan.agents)
        sharing = bars.add_task("Sharing", total=test.plan.shares)

        async def show() -> None:
            while True:
                bars.update(opening, completed=test.open_streams)
                bars.update(sharing, completed=len(test.shares), refresh=True)
                await asyncio.sleep(_SHOWN_S)

        shown = asyncio.create_task(show())
        try:
            await test.run()
        finally:
            shown.cancel()
            with suppress(asyncio.CancelledError):
                await shown


def _note_withdrawn(test: "Stress") -> None:
    """Say whether the signals were withdrawn."""
    if left := len(test.stored) - test.withdrawn:
        print_note(
            f"{test.withdrawn} signals are withdrawn. {left} more expire at"
            f" {test.expires_at:%H:%M:%S} UTC by themselves."
        )
    else:
        print_note(f"All {test.withdrawn} signals of the test are withdrawn.")


def _print(figures: "StressReport", broken: list[str], test: "Stress", *, as_json: bool) -> None:
    """Print the report; exit code 1 if a threshold is broken."""
    row = {"hub": test.plan.accesses[0].hub, "parties": test.plan.audience, **figures.row()}
    row |= {"withdrawn": test.withdrawn, "reasons": dict(test.refused), "broken_limits": broken}
    print_result(row, as_json=as_json, line=figures.text())
    for warning in figures.warnings():
        print_note(warning)
    for reason, count in test.refused.items():
        print_note(f"{count} shares were refused ({reason})")
    if broken:
        fail("; ".join(broken))
