# SPDX-License-Identifier: Apache-2.0
"""stemtide signal import: share or check the signals of a file of any size, in bulks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.signals.signal import check_labels, signal
from stemtide.cli.commands.signals.source import BulkFormat, opened
from stemtide.cli.commands.signer import SignWith, read_secret
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client
from stemtide.cli.output import AsJson, fail, fail_on
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
        BulkFormat | None, typer.Option("--format", help="Format, if the name does not imply it.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="THEIRS=OURS", help="Map a column; THEIRS= skips it."),
    ] = None,
    kind: Annotated[Kind | None, typer.Option(help="Kind for rows without one.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Label for rows without one. Can be repeated.")
    ] = None,
    severity: Annotated[Severity | None, typer.Option(help="Default for rows without one.")] = None,
    provenance: Annotated[
        Provenance | None, typer.Option(help="Default for rows without one.")
    ] = None,
    confidence: Annotated[
        int | None, typer.Option(min=0, max=100, help="Default for rows without one.")
    ] = None,
    tlp: Annotated[
        Tlp | None, typer.Option(help="TLP for rows without one. Default: amber.")
    ] = None,
    pap: Annotated[
        Pap | None, typer.Option(help="PAP for rows without one. Default: green.")
    ] = None,
    audience: Annotated[
        list[str] | None, typer.Option(help="Party for rows without an audience. Can be repeated.")
    ] = None,
    expires: Annotated[str, typer.Option(help="Expiry of rows without one, as an ISO time.")] = "",
    crisis: Annotated[str, typer.Option(help="Crisis id for rows without one.")] = "",
    exercise: Annotated[
        bool, typer.Option("--exercise", help="Mark rows without a value as exercise.")
    ] = False,
    content_space: Annotated[
        str,
        typer.Option(
            help="Scope in which content names are unique. Default: the path.",
            show_default=False,
        ),
    ] = "",
    disputed: Annotated[
        bool, typer.Option("--disputed", help="Include signals that are disputed at their source.")
    ] = False,
    begin: Annotated[
        int, typer.Option("--from", min=1, help="Begin at this line, after the heading.")
    ] = 1,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Share the good rows of bulks with bad ones.")
    ] = False,
    sign_with: SignWith = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file at the hub without sharing.")
    ] = False,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Share the signals of a file. Formats: CSV, JSON lines, Parquet, vPDQ and tx lines.

    Signals are sent in bulks, and a bulk is shared whole or not at all. Importing a file again is
    safe: nothing is shared twice. Exits with 1 if a row was, or would be, refused.
    """
    from stemtide.cli.commands.signals.bulks import ImportOptions, send_all
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
    options = ImportOptions(
        begin=begin,
        goes_on=go_on,
        is_dry=dry_run,
        as_json=as_json,
        secret=read_secret(sign_with) if sign_with else None,
    )
    with (
        fail_on(BulkFileError),
        opened(source, form=form, columns=columns) as rows,
        open_client(hub, key, patience_s=PATIENCE_S) as client,
    ):
        code = send_all(client, rows, options)
    if code:
        raise typer.Exit(code)


def _columns(
    pairs: list[str], facts: dict[str, Any], *, space: str, takes_disputed: bool
) -> "Columns":
    """Return the column mapping and the defaults that the options describe."""
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
            name: value
            for name, value in facts.items()
            if value or (value == 0 and name == "confidence")
        },
        named=space,
        takes_disputed=takes_disputed,
    )


def _moment(text: str) -> str | None:
    """Parse --expires. A relative time is refused: it would differ at the next import."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(
            f"--expires {text!r} is not an ISO time: write one, such as 2026-12-31; 30d"
            " would be another time when the file is imported again",
            code=2,
        )
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
