# SPDX-License-Identifier: Apache-2.0
"""stemtide ledger: check that nobody rewrote a hub's ledger."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.commands.ledger.trust import MOST_SHOWN, Trust, count_faults, trusted_keys
from stemtide.cli.commands.ledger.witnesses import witness
from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key
from stemtide.cli.local_hub import DataDir, check_keys, now, open_hub
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result

if TYPE_CHECKING:
    from stemtide.protocol.tlog.statements import Statement

ledger = typer.Typer(
    no_args_is_help=True, help="Check the ledger and its transparency log, and prove entries."
)

ledger.add_typer(witness, name="witness")

Source = Annotated[
    str,
    typer.Argument(
        help="A hub's address or the folder of a copy. Default: the database of the hub on this"
        " machine.",
        show_default=False,
    ),
]
From = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        help="A signed head that you kept, or the folder of a copy. Can be repeated.",
        show_default=False,
    ),
]
Witnesses = Annotated[
    list[str] | None,
    typer.Option(
        "--witness",
        help="Key of a witness that must have cosigned a head of this log. Can be repeated.",
        show_default=False,
    ),
]


@ledger.command("verify")
def verify(
    source: Source = "",
    older: From = None,
    trust: Trust = None,
    required: Witnesses = None,
    key: Key = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check that the past of a ledger is unchanged.

    It exits with 1 if something does not hold, and prints what. Without an address or a folder it
    checks each entry, and the signals and orders that entries speak of. With one it checks all
    leaves, tiles and heads of the log, which show no content.
    """
    if source:
        _verify_log(
            source,
            older or [],
            trust=trust or [],
            witnesses=required or [],
            key=key,
            as_json=as_json,
        )
    elif required:
        fail("--witness checks what a hub shows: give its address", code=2)
    else:
        open_hub(data_dir)
        _verify_database(older or [], trust=trust or [], as_json=as_json)


@ledger.command("prove")
def prove(
    entry: Annotated[int, typer.Argument(min=0, help="Number of the ledger's entry.")],
    source: Source = "",
    trust: Trust = None,
    key: Key = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Print the proof that an entry is in the log.

    The format is C2SP's tlog-proof. On the hub's machine, --json adds the entry, its salts and its
    leaf: with them anybody can see that the leaf covers the entry.
    """
    from stemtide.protocol.tlog.proofs import LogProof

    row: dict[str, object] = {"entry": entry}
    if source:
        from stemtide.cli.commands.ledger import logs
        from stemtide.protocol.tlog.audit import LogCopy

        with fail_on(*logs.ERRORS):
            read = logs.reader_of(source, key=key)
            note = read(logs.CHECKPOINT)
            head = logs.parse_head(note, trusted=trusted_keys(read, trust or []))
            path = LogCopy(head, read).tree().inclusion_path(entry)
        proof = LogProof(entry, tuple(path), note.decode())
    else:
        open_hub(data_dir)
        from stemtide.hub.platform.errors import NotFoundError
        from stemtide.hub.rooms.transparency.reads import log, openings

        with fail_on(NotFoundError):
            proof = log.prove(entry, now=now())
            row = openings.opening(entry).facts()
    print_result(row | {"proof": str(proof)}, as_json=as_json, line=str(proof).rstrip("\n"))


@ledger.command("copy")
def copy(
    folder: Annotated[Path, typer.Argument(help="Folder to write; created if missing.")],
    trust: Trust = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Copy a hub's log into a folder, as static files.

    It first checks that the log continues the copy that is there. Without a key, the hub gives a
    head that is a day old. A web server can serve the folder.
    """
    from stemtide.cli.commands.ledger import logs
    from stemtide.protocol.tlog.audit import LogCopy
    from stemtide.protocol.tlog.merkle import ProofError, check_consistency

    with fail_on(*logs.ERRORS, ProofError):
        read = logs.reader_of(hub, key=key)
        has_copy = (folder / logs.CHECKPOINT).exists()
        own = logs.reader_of(str(folder), key="") if has_copy else read
        trusted = trusted_keys(own, trust or [])
        note = read(logs.CHECKPOINT)
        log = LogCopy(logs.parse_head(note, trusted=trusted), read)
        if has_copy:
            old, head = logs.read_head(own, trusted=trusted), log.head
            if old.origin != head.origin:
                fail(
                    f"the hub's log is {head.origin} now, and your copy is of {old.origin}: keep"
                    f" {folder}, copy the log into another folder, and compare them:"
                    f" stemtide ledger verify {hub} --from {folder}"
                )
            if old.size > head.size:
                fail(f"the hub shows {head.size} leaves, and your copy has {old.size}: see --key")
            path = log.tree().consistency_path(old.size)
            sizes = {"old_size": old.size, "size": head.size}
            check_consistency(path, old_root=old.root, root=head.root, **sizes)
        fetched = logs.write_copy(folder, log=log, note=note, keys=trusted)
    row: dict[str, object] = {"folder": str(folder), "size": log.head.size, "fetched": fetched}
    line = f"{folder} has {log.head.size} leaves of {log.head.origin} ({fetched} files fetched)"
    print_result(row, as_json=as_json, line=line)
    print_note(f"Check it: stemtide ledger verify {folder}")


@ledger.command("keys")
def keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the keys that verify the log's heads, newest first.

    Give them to auditors by another way than the hub: who runs the hub could give them others.
    """
    open_hub(data_dir)
    from stemtide.hub.rooms.snapshots.keys import SigningKeyError
    from stemtide.hub.rooms.transparency.reads import log

    with fail_on(SigningKeyError):
        check_keys("signing")
        log_keys = log.log_keys()
    if not log_keys:
        fail("the log has not begun: start the hub, and wait a second")
    for log_key in log_keys:
        print_result({"key": str(log_key)}, as_json=as_json, line=str(log_key))


def _verify_log(
    source: str,
    older: Sequence[str],
    *,
    trust: Sequence[str],
    witnesses: Sequence[str],
    key: str,
    as_json: bool,
) -> None:
    """Check a log as its files show it."""
    from stemtide.cli.commands.ledger import logs
    from stemtide.protocol.tlog.audit import LogCopy, audit, statement_of

    with fail_on(*logs.ERRORS):
        read = logs.reader_of(source, key=key)
        trusted = trusted_keys(read, trust)
        log = LogCopy(logs.read_head(read, trusted=trusted), read)
        pairs = [logs.read_kept(place, trusted=trusted) for place in older]
        copies = [own for _, own in pairs if own]
        heads = [head for head, own in pairs if not own or own is not copies[0]]
        if witnesses:
            heads.append(logs.read_cosigned(read, trusted=trusted, witnesses=witnesses))
        flaws = list(audit(log, heads=heads, copy=copies[0] if copies else None))
        statement = statement_of(log)
        lines = read(logs.RESTORES).decode().splitlines() if "://" in source else []
    rows: list[dict[str, object]] = [{"flaw": "log", "text": flaw} for flaw in flaws]
    _note_restores(statement, states=dict(line.partition(" ")[::2] for line in lines))
    _print_flaws(rows, size=log.head.size, statement=statement, as_json=as_json)


def _verify_database(older: Sequence[str], *, trust: Sequence[str], as_json: bool) -> None:
    """Check the ledger in the database against its log."""
    from stemtide.cli.commands.ledger import logs
    from stemtide.hub.platform.errors import NotFoundError
    from stemtide.hub.rooms.transparency.reads import log, restarts, verification
    from stemtide.protocol.tlog.notes import NoteKey

    with fail_on(*logs.ERRORS, NotFoundError):
        trusted = [*log.log_keys(), *map(NoteKey.read, trust)]
        heads = [logs.read_kept(place, trusted=trusted)[0] for place in older]
        result = verification.verify(outside_heads=heads)
    if result.waiting:
        print_note(f"{result.waiting} entries have no leaf yet: they are not checked.")
    rows: list[dict[str, object]] = [
        {"flaw": str(flaw.kind), "entry": flaw.number, "text": flaw.text} for flaw in result.flaws
    ]
    states = {row.origin: row.state for row in restarts.restarts()}
    _note_restores(result.statement, states=states)
    _print_flaws(rows, size=result.size, statement=result.statement, as_json=as_json)


def _print_flaws(
    rows: Sequence[dict[str, object]], *, size: int, statement: "Statement", as_json: bool
) -> None:
    """Print the flaws and exit 1, or that all holds."""
    for flaw in rows if as_json else rows[:MOST_SHOWN]:
        print_result(flaw, as_json=as_json, line=str(flaw["text"]))
    if rows:
        rest = len(rows) - MOST_SHOWN
        more = f" ({rest} more: see --json)" if rest > 0 and not as_json else ""
        fail(f"{count_faults(len(rows))}{more}: keep the files, the heads and this output")
    row: dict[str, object] = {"holds": True, "size": size}
    line = f"All {size} leaves hold."
    if since := statement.opened_at:
        row |= {"since": since, "filled_in": statement.filled_in}
        line += (
            f" The log proves from {since} on; it found entries up to {statement.filled_in} then."
        )
    if statement.overlap is not None:
        row |= {"restored": True, "lost": statement.lost}
    print_result(row, as_json=as_json, line=line)


def _note_restores(statement: "Statement", *, states: Mapping[str, str]) -> None:
    """Print which restores from backups a log names. states: whether they were confirmed."""
    step: Statement | None = statement
    while step is not None:
        if step.overlap is not None:
            state = states.get(step.origin)
            print_note(
                f"The hub was set back. {step.origin} began at {step.opened_at}, and {step.lost}"
                f" are lost{f' ({state})' if state else ''}."
            )
            if step.renewed:
                print_note(f"At this restore, {step.renewed}.")
        step = step.before
