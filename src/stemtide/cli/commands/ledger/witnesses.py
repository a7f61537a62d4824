# SPDX-License-Identifier: Apache-2.0
"""stemtide ledger witness: who watches the hub's transparency log."""

from typing import Annotated

import typer

from stemtide.cli.local_hub import OPERATOR, DataDir, now, open_hub
from stemtide.cli.output import AsJson, fail_on, print_note, print_result
from stemtide.hub.platform.errors import ConflictError, InvalidError, NotFoundError

witness = typer.Typer(no_args_is_help=True, help="Witnesses of the log, on the hub's machine.")


@witness.command("add")
def add(
    key: Annotated[str, typer.Argument(help="The witness's key, as it prints it.")],
    address: Annotated[
        str, typer.Argument(help="Its address, to which /add-checkpoint is appended.")
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List a witness that the hub asks to cosign its heads.

    It speaks C2SP's tlog-witness. Agents of parties need not be listed: they cosign by themselves.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.transparency.writes import witnesses

    with fail_on(InvalidError, ConflictError):
        added = witnesses.list_witness(key, address=address, actor=OPERATOR, now=now())
    row: dict[str, object] = {"name": added.name, "key": str(added), "address": address}
    print_result(row, as_json=as_json, line=f"{added.name} is asked within ten minutes")


@witness.command("list")
def list_all(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the witnesses, and what each cosigned last."""
    open_hub(data_dir)
    from stemtide.hub.rooms.transparency.reads import witnesses

    rows = witnesses.witnesses(is_member=True)
    for row in rows:
        last_head = (
            f"{row.size} leaves at {row.seen_at:%Y-%m-%d %H:%M}" if row.seen_at else "no head"
        )
        trouble = f"  ({row.trouble})" if row.trouble else ""
        facts: dict[str, object] = {
            "name": row.name,
            "key": row.key,
            "party": row.party,
            "address": row.address,
            "size": row.size,
            "seen_at": row.seen_at.isoformat() if row.seen_at else None,
            "trouble": row.trouble,
        }
        of = row.party or row.address
        print_result(facts, as_json=as_json, line=f"{row.name}  {of}  {last_head}{trouble}")
    if not rows:
        print_note("Nobody watches the log yet: agents begin by themselves, a minute after start.")


@witness.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="Name, from: stemtide ledger witness list.")],
    data_dir: DataDir = None,
) -> None:
    """Remove a witness.

    Its cosignatures are shown no more, and its key cannot come back.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.transparency.writes import witnesses

    with fail_on(NotFoundError):
        witnesses.remove_witness(name, actor=OPERATOR, now=now())
    print_note(f"{name} is removed")
