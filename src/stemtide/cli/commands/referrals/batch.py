# SPDX-License-Identifier: Apache-2.0
"""stemtide referral batch: refer thousands of URLs from a file, with an outcome for each."""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.referrals.referral import Exercise, Provider, referral
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client, to_json
from stemtide.cli.hub_command import Request, hub_command, read_pages
from stemtide.cli.output import AsJson, fail, print_note, print_result
from stemtide.protocol.enums.referrals import ContentType, RowOutcome

if TYPE_CHECKING:
    from stemtide.client import Hub as Client
    from stemtide.protocol.messages.batches import BatchRowIn

AT_ONCE = 500
"""Rows that travel in one request: small enough that the bar moves."""

_WRONG = frozenset({RowOutcome.UNKNOWN_PROVIDER, RowOutcome.BAD_URL, RowOutcome.INVALID})
"""Outcomes of rows that need a correction."""


@referral.command("batch")
def batch(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.csv",
            exists=True,
            dir_okay=False,
            help="Columns url, provider, reason, labels, terms, language, ideology, content_type.",
        ),
    ],
    name: Annotated[str, typer.Option(help="Name of the batch; reuse it to resume.")] = "",
    provider: Provider = "",
    reason: Annotated[str, typer.Option(help="Reason for rows without one.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="Label for rows without one. Can be repeated.")
    ] = None,
    content_type: Annotated[
        ContentType | None, typer.Option(help="Content type for rows without one.")
    ] = None,
    crisis: Annotated[str, typer.Option(help="Id of its crisis.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Include content that was referred and answered before.")
    ] = False,
    exercise: Exercise = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the outcome of each row without sending it.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the outcomes to this CSV file.")] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Refer the URLs of a file (a Referral Action Day). Each row gets its own outcome.

    Sending the same file under the same name again is safe: rows that were sent are reported, not
    sent twice. Exits with 1 if a row must be corrected.
    """
    from stemtide.protocol.files.batches import BatchFileError, read_rows

    defaults = {
        "provider": provider,
        "reason": reason,
        "labels": " ".join(label or ()),
        "content_type": content_type or "",
    }
    try:
        rows = read_rows(path.read_text("utf-8"), defaults=defaults)
    except (BatchFileError, UnicodeDecodeError) as error:
        fail(f"{path}: {error}", code=2)
    facts = {"crisis": crisis or None, "exercise": exercise}
    if not dry_run and not name:
        fail(
            "a batch needs a name: add --name 'Action day 3 March', or test it with --dry-run",
            code=2,
        )
    from stemtide.protocol.messages.batches import CheckRowsIn

    with open_client(hub, key) as client:
        if dry_run:
            message = {"rows": [row.model_dump() for row in rows], "again": again}
            outcomes = to_json(client.check_rows(CheckRowsIn.model_validate(message | facts)))[
                "rows"
            ]
        else:
            outcomes = list(_send(client, rows, facts | {"name": name}, again=again))
    _print_outcomes(outcomes, out=out, as_json=as_json, dry_run=dry_run)


def _send(
    client: "Client", rows: "list[BatchRowIn]", batch: dict[str, Any], *, again: bool
) -> Iterator[dict[str, Any]]:
    """Send the rows in parts, and show progress."""
    from stemtide.protocol.messages.batches import BatchIn, RowsIn

    opened = to_json(client.open_batch(BatchIn.model_validate(batch)))
    with typer.progressbar(length=len(rows), label="Referring", file=sys.stderr) as bar:
        for first in range(0, len(rows), AT_ONCE):
            part = rows[first : first + AT_ONCE]
            message = {"rows": [row.model_dump() for row in part], "again": again}
            done = to_json(client.add_rows(RowsIn.model_validate(message), uid=opened["id"]))
            bar.update(len(part))
            yield from done["rows"]


def _print_outcomes(
    outcomes: list[dict[str, Any]], *, out: Path | None, as_json: bool, dry_run: bool
) -> None:
    """Print the outcome of each row, and the totals."""
    from stemtide.protocol.files.batches import write_rows
    from stemtide.protocol.messages.batches import BatchRowOut

    for row in outcomes:
        line = f"{row['number']:>6}  {row['outcome']:18} {row['reference']:14} {row['url']}"
        print_result(row, as_json=as_json, line=f"{line}  {row['message']}".rstrip())
    if out is not None:
        out.write_text(write_rows(BatchRowOut.model_validate(row) for row in outcomes), "utf-8")
        print_note(f"The outcomes are in {out}.")
    counts = Counter(str(row["outcome"]) for row in outcomes)
    summary = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.most_common())
    print_note(f"{len(outcomes)} rows: {summary}." + (" Nothing was sent." if dry_run else ""))
    if set(counts) & _WRONG:
        raise typer.Exit(1)


def _batch_line(row: dict[str, Any]) -> str:
    """Describe a batch on one line."""
    outcomes = ", ".join(f"{count} {word}" for word, count in row["outcomes"].items())
    drill = " EXERCISE" if row["exercise"] else ""
    return f"{row['id']}  {row['opened_at']}  {row['name']}: {row['rows']} rows, {outcomes}{drill}"


@hub_command(referral, "batches", line=_batch_line, empty="No batch that your party may see.")
def list_batches() -> Request:
    """List your party's batches, latest first."""
    return lambda client: client.list_batches()


@referral.command("rows")
def list_rows(
    batch_id: Annotated[str, typer.Argument(help="The batch's id.")],
    out: Annotated[Path | None, typer.Option(help="Write the outcomes to this CSV file.")] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """List the rows of a batch with their outcomes."""
    with open_client(hub, key) as client:
        outcomes = to_json(list(read_pages(client.read_rows, "rows", uid=batch_id)))
    _print_outcomes(outcomes, out=out, as_json=as_json, dry_run=False)
