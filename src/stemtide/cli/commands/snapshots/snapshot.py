# SPDX-License-Identifier: Apache-2.0
"""stemtide snapshot: a hub's signals in a signed file, kept up to date and verified offline."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, asking
from stemtide.cli.output import fail, give, tell, told

snapshot = typer.Typer(no_args_is_help=True, help="Signed snapshots of all that a party may see.")

_TELL_EVERY_S = 2.0

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        help="A hub's public key (ed25519:…); may be given again. "
        "Without it: those in the file hub.key beside the file.",
        show_default=False,
    ),
]


@snapshot.command("pull")
def pull(
    folder: Annotated[
        Path, typer.Argument(help="The folder to bring up to date; made if missing.")
    ],
    exercise: Annotated[
        bool, typer.Option("--exercise", help="With exercise signals as well.")
    ] = False,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            help="The hub's public key (ed25519:…), and no other from now on; may be given again.",
            show_default=False,
        ),
    ] = None,
    deltas: Annotated[
        Path | None,
        typer.Option(help="Keep each delta in this folder, to hand it on.", show_default=False),
    ] = None,
    hub: Hub = DEFAULT_HUB,
    key: Key = "",
    as_json: AsJson = False,
) -> None:
    """Bring a folder up to date: the whole snapshot the first time, then what changed.

    The hub's key is pinned at the first use. A snapshot that is not signed by it, was changed or
    is older than what is there is refused, and the folder stays as it was.
    """
    from stemtide.cli.commands.snapshots.folder import Puller, PullError
    from stemtide.protocol.sync.signatures import SignatureError
    from stemtide.protocol.sync.snapshot_files import SnapshotFileError

    with (
        told(PullError, SignatureError, SnapshotFileError, OSError),
        asking(hub, key) as client,
    ):
        puller = Puller(
            folder, client, exercise=exercise, deltas=deltas, note=_progress(is_shown=not as_json)
        )
        with puller.folder.alone():
            _pin(puller, trust or [])
            found = puller.pull()
    made = found.manifest
    row = _told(made) | {"how": found.how, "received_bytes": found.received_bytes}
    row["file"] = str(puller.folder.file)
    what = {"nothing": "is up to date:", "delta": "took what changed:", "whole": "took all of it:"}
    line = f"{puller.folder.file} {what[found.how]} {_line(made)}"
    give(row, as_json=as_json, line=line)


@snapshot.command("verify")
def verify(
    files: Annotated[list[Path], typer.Argument(help="Snapshots and deltas.")],
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Say of files whether they are as a hub signed them. Asks nobody. Exit code 0: all are."""
    bad = 0
    for file in files:
        row = _verified(file, trust or [])
        bad += not row["genuine"]
        state = "genuine" if row["genuine"] else "NOT GENUINE"
        give(row, as_json=as_json, line=f"{state}  {file}  {row.pop('line')}")
    if bad:
        raise typer.Exit(1)


@snapshot.command("show")
def show(
    file: Annotated[Path, typer.Argument(help="A snapshot or a delta.")],
    signals: Annotated[
        bool, typer.Option("--signals", help="Its lines, as JSON, once all are verified.")
    ] = False,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Say what a file holds, once it is verified: how many signals, since when, and marks."""
    row = _verified(file, trust or [])
    if not row["genuine"]:
        fail(f"{file}: {row['line']}")
    line = row.pop("line")
    if not signals:
        give(row, as_json=as_json, line=f"{file}  {line}")
        return
    opened = _opened(file)
    with opened(file, trusted=_keys(file, trust or [])) as (_, lines):
        for piece in lines.pieces():
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@snapshot.command("apply")
def apply_delta(
    base: Annotated[Path, typer.Argument(help="The snapshot that the delta begins at.")],
    delta: Annotated[Path, typer.Argument(help="The delta.")],
    out: Annotated[Path, typer.Option("--out", help="The snapshot to write; may be the base.")],
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Make the later snapshot of an earlier one and a delta. Asks nobody, and verifies all."""
    from stemtide.protocol.sync.signatures import SignatureError
    from stemtide.protocol.sync.snapshot_files import SnapshotFileError, apply

    with told(SignatureError, SnapshotFileError, OSError):
        made = apply(base, delta, out, trusted=_keys(base, trust or [])).manifest
    give(_told(made) | {"file": str(out)}, as_json=as_json, line=f"{out}  {_line(made)}")


def _pin(puller: Any, trust: list[str]) -> None:  # noqa: ANN401  # a Puller, imported late
    """Trust the keys that were named, or at the first use the hub's newest."""
    from stemtide.protocol.sync.signatures import PublicKey

    if trust:
        puller.before = puller.folder.pinned()
        puller.folder.pin(*map(PublicKey.read, trust))
        return
    pinned = puller.folder.pinned()
    if not pinned:
        first = puller.hub_keys()[0]
        puller.folder.pin(first)
        tell(f"The hub's key {first.fingerprint} is trusted from now on. Compare it by telephone.")
        return
    newest = puller.hub_keys()[0]
    if newest not in pinned:
        tell(
            f"The hub has a newer key, {newest.fingerprint}. Compare it by telephone, then pull"
            f" once with --trust {newest}, before the old one is dropped."
        )


def _progress(*, is_shown: bool) -> Any:  # noqa: ANN401  # a function
    """Tells a person now and then how much has come."""
    last = time.monotonic()

    def note(come: int, of: int) -> None:
        nonlocal last
        if is_shown and sys.stderr.isatty() and time.monotonic() - last > _TELL_EVERY_S:
            last = time.monotonic()
            tell(f"{come / 1e6:.1f} of {of / 1e6:.1f} MB")

    return note


def _keys(file: Path, trust: list[str]) -> Any:  # noqa: ANN401  # public keys, imported late
    """The keys to trust for a file."""
    from stemtide.cli.commands.snapshots.folder import KEY_FILE, read_keys
    from stemtide.protocol.sync.signatures import PublicKey, SignatureError

    try:
        found = tuple(map(PublicKey.read, trust)) or read_keys(file.parent / KEY_FILE)
    except (SignatureError, OSError) as error:
        fail(str(error), code=2)
    if not found:
        fail(f"whose signature? Name the hub's key with --trust, or put {KEY_FILE} beside", code=2)
    return found


def _opened(file: Path) -> Any:  # noqa: ANN401  # a context manager of the protocol's
    """How a file of its kind is opened."""
    from stemtide.protocol.sync.snapshot_files import is_delta, opened_delta, opened_whole

    return opened_delta if is_delta(file) else opened_whole


def _verified(file: Path, trust: list[str]) -> dict[str, Any]:
    """What is found of a file; line: the same for people."""
    from stemtide.protocol.sync.signatures import SignatureError
    from stemtide.protocol.sync.snapshot_files import SnapshotFileError

    keys = _keys(file, trust)
    try:
        with _opened(file)(file, trusted=keys) as (head, lines):
            lines.read()
    except (SignatureError, SnapshotFileError, OSError) as error:
        return {"file": str(file), "genuine": False, "why": str(error), "line": str(error)}
    made = head.manifest
    return {"file": str(file), "genuine": True, **_told(made), "line": _line(made)}


def _told(made: Any) -> dict[str, Any]:  # noqa: ANN401  # one of two manifests
    """A manifest as JSON."""
    told_row: dict[str, Any] = made.model_dump(mode="json")
    return told_row


def _line(made: Any) -> str:  # noqa: ANN401  # one of two manifests
    """A manifest for people."""
    kind = "with exercise signals" if made.exercise else "real signals only"
    of = f"for {made.party}, {kind}, made {made.made_at:%Y-%m-%d %H:%M:%S} UTC, hub {made.hub}"
    if made.format.startswith("stemtide-delta"):
        return f"delta {made.base} → {made.version}: {made.puts} in, {made.drops} out, {of}"
    marks = f"TLP:{made.tlp.upper()}, PAP:{made.pap.upper()}" if made.tlp else "no marks"
    return f"version {made.version}: {made.signals} signals, {marks}, {of}"
