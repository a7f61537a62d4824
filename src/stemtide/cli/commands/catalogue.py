# SPDX-License-Identifier: Apache-2.0
"""stemtide catalogue: look at what a provider has stored."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.commands.agent.requests import AgentToken
from stemtide.cli.output import AsJson, fail, fail_on, one_line, print_note, print_result

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    from rich.progress import Progress

    from stemtide.agent.config.settings import Config
    from stemtide.catalogue.action import AgentActor
    from stemtide.catalogue.budget import ScanBudget
    from stemtide.catalogue.report import MatchedItem, ScanSummary, UnreadableItem
    from stemtide.catalogue.scan import Workers

catalogue = typer.Typer(no_args_is_help=True, help="What a provider has stored.")

_Config = Annotated[
    Path | None,
    typer.Option(
        help="Path of the agent's agent.toml; without it, ./agent.toml or the environment."
    ),
]
_Name = Annotated[
    str,
    typer.Option(
        help="Name of the catalogue, if you scan several: each remembers what was looked at."
    ),
]


@catalogue.command("scan")
def scan(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE…",
            help="Folders, addresses such as s3://bucket, CSV or Parquet files with the columns id "
            "and path or url, databases: sqlite:///…, postgresql://….",
        ),
    ],
    config: _Config = None,
    name: _Name = "main",
    query: Annotated[
        str, typer.Option(help="Query of a database that returns id and path or url.")
    ] = "",
    max_files: Annotated[
        int | None, typer.Option(min=1, help="Look at so many files at most in this run.")
    ] = None,
    max_bytes: Annotated[
        int | None, typer.Option(min=1, help="Look at so many bytes in this run.")
    ] = None,
    requests_per_second: Annotated[
        float | None,
        typer.Option(min=0.01, help="Request so many files a second from other machines."),
    ] = None,
    agent: Annotated[
        str,
        typer.Option(
            help="Address of your agent (http://…), which decides about what matches by its policy "
            "and acts. Without it, matches are only listed."
        ),
    ] = "",
    token: AgentToken = "",
    processes: Annotated[
        int | None, typer.Option(min=1, help="Worker processes. Default: one for each core.")
    ] = None,
    ray: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Use the workers of this Ray cluster, of which this machine is a node: host:port, "
            "or auto. Needs 'stemtide\\[ray]'.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Compare stored content with the signals of your agent.

    Lists content that signals match, and content that could not be read; with --agent, your agent
    acts on what matches. Run it again to look only
    at new and changed content, and to compare all of it with new signals. A scan that was stopped
    goes on where it was. Exits with 1 if not all content could be read.
    """
    import sqlite3

    from stemtide.agent.config.settings import ConfigError, load
    from stemtide.agent.journal.key import JournalKeyError
    from stemtide.agent.store.schema import StoreError
    from stemtide.catalogue.action import ActionError, AgentActor
    from stemtide.catalogue.budget import ScanBudget
    from stemtide.catalogue.cluster import ClusterError
    from stemtide.catalogue.items import CatalogueError
    from stemtide.fingerprints.limits import SandboxError

    with fail_on(
        ConfigError,
        JournalKeyError,
        StoreError,
        CatalogueError,
        SandboxError,
        ActionError,
        ClusterError,
    ):
        settings = load(config)
        try:
            summary = _run(
                settings,
                sources,
                query=query,
                name=name,
                budget=ScanBudget(max_files, max_bytes, requests_per_second),
                actor=AgentActor(agent, token=token, catalogue=name) if agent else None,
                workers=_workers(settings, processes=processes, ray=ray),
                as_json=as_json,
            )
        except KeyboardInterrupt:
            print_note("Stopped. Run the same command to go on from here.")
            raise
        except (OSError, sqlite3.Error) as error:
            fail(f"the scan stopped: {error}. Mend that, and run the same command to go on")
    if summary.unreadable:
        raise typer.Exit(1)


def _run(
    settings: "Config",
    sources: "Sequence[str]",
    *,
    query: str,
    name: str,
    budget: "ScanBudget",
    actor: "AgentActor | None",
    workers: "Workers",
    as_json: bool,
) -> "ScanSummary":
    """Scan what sources list, and print what is found."""
    from stemtide.catalogue.folder import catalogue_folder, open_catalogue
    from stemtide.catalogue.progress import ProgressReporter
    from stemtide.catalogue.scan import Scan
    from stemtide.catalogue.signals import AgentSignals
    from stemtide.catalogue.sources.listing import check_sources, list_source

    check_sources(sources, query=query)
    with (
        open_catalogue(settings, name) as (records, journal),
        _progress() as bars,
        ProgressReporter(
            catalogue_folder(settings.data_dir, name),
            sources=sources,
            acts=actor is not None,
            reporter=_Reporter(bars, as_json=as_json),
        ) as reporter,
    ):
        run = Scan(
            records=records,
            journal=journal,
            signals=AgentSignals(settings.data_dir, exercise=settings.exercise),
            workers=workers,
            reporter=reporter,
            orientations=settings.journal.orientations,
            budget=budget,
            actor=actor,
        )
        with redirect_stdout(sys.stderr):  # where Ray's own messages belong
            summary = run.run(
                item for source in sources for item in list_source(source, query=query)
            )
        reporter.finish(summary)
    print_result(
        {"event": "summary", **asdict(summary)}, as_json=as_json, line=_summary_line(summary)
    )
    return summary


def _workers(settings: "Config", *, processes: int | None, ray: str) -> "Workers":
    """Return the workers of a cluster, or processes of this machine."""
    from stemtide.catalogue.cluster import RayWorkers
    from stemtide.catalogue.content import ReadingSettings
    from stemtide.catalogue.processes import ProcessWorkers

    reading = ReadingSettings(settings.accept_missing_walls, frozenset(settings.fetch_hosts))
    return RayWorkers(ray, reading) if ray else ProcessWorkers(processes or _cores(), reading)


def _cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _progress() -> "Iterator[Progress]":
    """Yield a progress bar on stderr, shown on a terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # a pipe gets the results, whatever stderr is
    ) as bars:
        yield bars


class _Reporter:
    """Prints what a scan finds, and shows its progress."""

    def __init__(self, bars: "Progress", *, as_json: bool) -> None:
        self._bars = bars
        self._as_json = as_json
        self._out = sys.stdout
        self._bar = bars.add_task("Listing", total=None, rate="")

    def matched(self, item: "MatchedItem") -> None:
        decision = item.decision
        lines = [f"match       {item.ref}"]
        lines[0] += f": {decision.action or 'no action'}, {decision.why}" if decision else ""
        for match in item.matches:
            words = [f"  {match.signal}  {match.kind}", match.part, match.transform]
            words.append(f"{match.distance_bits} bits away" if match.kind == "pdq" else "")
            words += [*match.labels, f"shared by {match.shared_by}"]
            lines.append(", ".join(word for word in words if word))
        self._print({"event": "match", **asdict(item)}, *lines)

    def unreadable(self, item: "UnreadableItem") -> None:
        self._print({"event": "unreadable", **asdict(item)}, f"unreadable  {item.ref}: {item.why}")

    def listed(self, number: int) -> None:
        self._bars.update(self._bar, description=f"Listing: {number:,}")

    def progress(self, done: int, total: int) -> None:
        if done == 0:
            self._bars.reset(self._bar, total=total, description="Scanning")
        speed = self._bars.tasks[0].finished_speed or self._bars.tasks[0].speed
        rate = f"{speed:,.0f} a second" if speed else ""
        self._bars.update(self._bar, completed=done, rate=rate)

    def _print(self, row: dict[str, object], *lines: str) -> None:
        line = "\n".join(map(one_line, lines))
        print_result(row, as_json=self._as_json, line=line, file=self._out)


def _summary_line(summary: "ScanSummary") -> str:
    """Describe the numbers of a run for people."""
    size = summary.bytes / 1_000_000
    looked = f"{summary.looked:,} looked at ({size:,.1f} MB) in {summary.seconds:,.0f} s"
    acted = f"the agent acts on {summary.acted:,}, " if summary.acted else ""
    lines = [
        f"{summary.listed:,} listed, {looked}",
        f"{summary.matched:,} matched, {acted}{summary.unreadable:,} could not be read",
    ]
    if summary.signals:
        lines.append(f"{summary.signals:,} new signals were compared with what was stored before")
    if summary.waiting:
        lines.append(f"{summary.waiting:,} are still to be looked at: run the same command again")
    return "\n".join(lines)
