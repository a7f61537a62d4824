# SPDX-License-Identifier: Apache-2.0
"""stemtide signal import: signals out of a file of any size, in bulks, or a dry run of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.signals.signal import AsJson, check_labels, signal
from stemtide.cli.commands.signals.source import BulkForm, opened
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking
from stemtide.cli.output import fail, told
from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Provenance, Severity
from stemtide.protocol.handling import Pap, Tlp

if TYPE_CHECKING:
    from stemtide.protocol.files.columns import Columns


PATIENCE_S = 900.0
"""All pauses that a hub may ask of one bulk: another of the party may be under way for long."""


@signal.command("import")
def import_signals(
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="A file, or - for stdin.")],
    form: Annotated[
        BulkForm | None, typer.Option("--format", help="If its name does not say so.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="THEIRS=OURS", help="What a column is; THEIRS= leaves it out."),
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="Where a row has no kind.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Where a row has no labels; several allowed.")
    ] = None,
    severity: Annotated[Severity | None, typer.Option(help="Where a row has none.")] = None,
    provenance: Annotated[Provenance | None, typer.Option(help="Where a row has none.")] = None,
    confidence: Annotated[
        int | None, typer.Option(min=0, max=100, help="Where a row has none.")
    ] = None,
    tlp: Annotated[Tlp | None, typer.Option(help="Where a row has none; else amber.")] = None,
    pap: Annotated[Pap | None, typer.Option(help="Where a row has none; else green.")] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="Where a row names no parties; several allowed.")
    ] = None,
    expires: Annotated[
        str, typer.Option(help="Where a row has no end: an ISO time, so that it stays the same.")
    ] = "",
    crisis: Annotated[str, typer.Option(help="Where a row names none: a crisis' id.")] = "",
    exercise: Annotated[
        bool, typer.Option("--exercise", help="Mark the rows that say nothing as exercise.")
    ] = False,
    content_space: Annotated[
        str,
        typer.Option(
            help="What the file's names of content are unique within; else where the file lies.",
            show_default=False,
        ),
    ] = "",
    disputed: Annotated[
        bool, typer.Option("--disputed", help="Also what is disputed where it comes from.")
    ] = False,
    begin: Annotated[
        int, typer.Option("--from", min=1, help="Begin at this line; the heading is read anyway.")
    ] = 1,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Share the good rows of a bulk that has bad ones.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Have the hub say what would happen; share nothing.")
    ] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Share the signals of a file: CSV, JSON lines, Parquet, vPDQ or lines of tx.

    It is sent in bulks, and all of a bulk is shared or nothing. Importing the same file again is
    harmless: nothing is shared twice. Exits with 1 where a row was, or would be, refused.
    """
    from stemtide.cli.commands.signals.bulks import Way, send_all
    from stemtide.protocol.files.columns import BulkFileError

    facts: dict[str, Any] = {
        "kind": kind,
        "labels": label,
        "severity": severity,
        "provenance": provenance,
        "confidence": confidence,
        "tlp": tlp,
        "pap": pap,
        "audience": audience,
        "expires_at": _moment(expires),
        "crisis": crisis,
        "exercise": exercise,
    }
    # Of stdin nothing says whose "film 1" it is: without a space such a name is refused.
    space = content_space or ("" if source == "-" else str(Path(source).resolve()))
    columns = _columns(column or [], facts, space=space, takes_disputed=disputed)
    way = Way(begin=begin, goes_on=go_on, is_dry=dry_run, as_json=as_json)
    with (
        told(BulkFileError),
        opened(source, form=form, columns=columns) as rows,
        asking(hub, key, patience_s=PATIENCE_S) as client,
    ):
        is_whole = send_all(client, rows, way)
    if not is_whole:
        raise typer.Exit(1)


def _columns(
    pairs: list[str], facts: dict[str, Any], *, space: str, takes_disputed: bool
) -> "Columns":
    """What the columns of a file mean, as the command's options say it."""
    from stemtide.protocol.files.columns import Columns

    check_labels(facts["labels"] or [])
    renamed: dict[str, str] = {}
    for pair in pairs:
        theirs, apart, ours = pair.partition("=")
        if not apart or not theirs.strip():
            fail(f"--column {pair!r} is not understood: write --column their=ours", code=2)
        renamed[theirs.strip().lower()] = ours.strip().lower()
    return Columns(
        renamed=renamed,
        defaults={
            name: one for name, one in facts.items() if one or (one == 0 and name == "confidence")
        },
        named=space,
        takes_disputed=takes_disputed,
    )


def _moment(text: str) -> str | None:
    """A time that is the same whenever the file is imported, or it would be another share then."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(
            f"--expires {text!r} is not understood: write an ISO time, such as 2026-12-31; 30d"
            " would be another time when the file is imported again",
            code=2,
        )
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
