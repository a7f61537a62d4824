# SPDX-License-Identifier: Apache-2.0
"""stemtide hub reopen-log: open a new transparency log after the database lost entries."""

from typing import Annotated

import typer

from stemtide.cli.commands.operator.hub import hub
from stemtide.cli.local_hub import OPERATOR, DataDir, check_keys, now, open_hub
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result


@hub.command("reopen-log")
def reopen_log(
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm the action.")] = False,
    as_json: AsJson = False,
) -> None:
    """Open a new transparency log after a loss of signed entries.

    A standby that was promoted without synchronous commit may lack the last ones. Until then, the
    hub works, but signs and shows no head. The new log names the entries that are lost.
    """
    open_hub(data_dir)
    from django.db import DatabaseError

    from stemtide.hub.rooms.snapshots.keys import SigningKeyError
    from stemtide.hub.rooms.transparency.reads.restarts import lost_head
    from stemtide.hub.rooms.transparency.writes import leaves

    with fail_on(SigningKeyError, DatabaseError):
        check_keys("signing")
        last = lost_head()
        if last is None:
            fail("the database lacks no signed entry that a machine of this hub knows of")
        if not yes:
            fail(f"this ends the log {last.origin}; add --yes to confirm", code=2)
        statement = leaves.restart(last=last, backup="", actor=OPERATOR, now=now())
    row: dict[str, object] = {"log": statement.origin, "lost": statement.lost}
    print_result(row, as_json=as_json, line=f"{statement.origin}: {statement.lost} are lost")
    print_note("Ask a coordinator of an agency to confirm this on the page Hub settings.")
    print_note("Ask sharers to share again what they shared in the last minute before the outage.")
