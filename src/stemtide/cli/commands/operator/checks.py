# SPDX-License-Identifier: Apache-2.0
"""stemtide hub verify, doctor: check the hub's data and its set-up."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.commands.operator.hub import hub
from stemtide.cli.local_hub import DataDir, now, open_hub
from stemtide.cli.output import AsJson, fail_on, print_note, print_result

if TYPE_CHECKING:
    from stemtide.hub.checks.results import CheckResult


@hub.command("verify")
def verify(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check the hub's data, and exit 1 if something differs.

    Recounts totals, and checks ledger, feed, transparency log, keys, and encrypted content. It
    reads everything: some minutes for a large hub, in which nobody can share for some seconds.
    """
    open_hub(data_dir)
    from django.db import DatabaseError

    from stemtide.hub.checks import verification

    with fail_on(DatabaseError, OSError):
        failed = _print_results(verification.verify(now()), as_json=as_json)
    if failed:
        print_note(f"stemtide: {failed} things are wrong")
        raise typer.Exit(1)


@hub.command("doctor")
def doctor(
    workers: Annotated[
        int, typer.Option(min=1, help="Workers of all machines, for PostgreSQL's connections.")
    ] = 1,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check the hub's set-up, and say what to correct.

    Run it on the hub's machine with the hub's settings. It signs in at the mail server and requests
    the public address. It changes nothing. It exits with 1 if a check fails.
    """
    open_hub(data_dir, has_hub_keys=False, is_migrated=False)
    from stemtide.hub.checks import diagnosis

    failed = _print_results(diagnosis.diagnose(workers=workers, now=now), as_json=as_json)
    if failed:
        print_note(f"stemtide: {failed} things need a remedy")
        raise typer.Exit(1)


def _print_results(results: "Iterable[CheckResult]", *, as_json: bool) -> int:
    """Print results as they come; return how many are failures."""
    failed = 0
    for result in results:
        failed += result.level == "fail"
        row: dict[str, object] = {
            "check": result.check,
            "level": result.level,
            "text": result.text,
            "remedy": result.remedy,
        }
        remedy = f". Remedy: {result.remedy}" if result.remedy else ""
        line = f"{result.level:<4}  {result.check}: {result.text}{remedy}"
        print_result(row, as_json=as_json, line=line)
    return failed
