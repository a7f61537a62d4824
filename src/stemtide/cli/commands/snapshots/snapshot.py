# SPDX-License-Identifier: Apache-2.0
"""stemtide snapshot: a hub's signals in a signed file, updated and verified offline."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from stemtide.cli.hub_client import DEFAULT_HUB, Hub, Key, open_client
from stemtide.cli.output import AsJson, fail, fail_on, print_note, print_result

snapshot = typer.Typer(
    no_args_is_help=True, help="Signed snapshots of the signals that a party may see."
)

_TELL_EVERY_S = 2.0

Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        help="A hub's public key (ed25519:…). Can be repeated. "
        "Default: the keys in hub.key in the same folder.",
        show_default=False,
    ),
]


@snapshot.command("pull")
def pull(
    folder: Annotated[Path, typer.Argument(help="Folder to update; created if missing.")],
    exercise: Annotated[bool, typer.Option("--exercise", help="Include exercise signals.")] = False,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            help="From now on trust only this public key of the hub (ed25519:…). Can be repeated.",
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
    """Update a folder with the latest snapshot. The first time it is whole, then only the changes.

    The hub's key is pinned at the first use. A snapshot that is not signed by it, was changed or is
    older than the one in the folder is refused, and the folder stays unchanged.
    """
    from stemtide.cli.commands.snapshots.folder import Puller, PullError
    from stemtide.protocol.sync.signatures import SignatureError
    from stemtide.protocol.sync.snapshot_files import SnapshotFileError

    with (
        fail_on(PullError, SignatureError, SnapshotFileError, OSError),
        open_client(hub, key) as client,
    ):
        puller = Puller(
            folder, client, exercise=exercise, deltas=deltas, note=_progress(is_shown=not as_json)
        )
        with puller.folder.alone():
            _pin(puller, trust or [])
            pulled = puller.pull()
    manifest = pulled.manifest
    row = _manifest_row(manifest) | {"how": pulled.mode, "received_bytes": pulled.received_bytes}
    row["file"] = str(puller.folder.file)
    verbs = {"nothing": "is up to date:", "delta": "took what changed:", "whole": "took all of it:"}
    line = f"{puller.folder.file} {verbs[pulled.mode]} {_line(manifest)}"
    print_result(row, as_json=as_json, line=line)


@snapshot.command("verify")
def verify(
    files: Annotated[list[Path], typer.Argument(help="Snapshots and deltas.")],
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Verify that files are unchanged since a hub signed them. Works offline."""
    bad = 0
    for file in files:
        row = _verified(file, trust or [])
        bad += not row["genuine"]
        state = "genuine" if row["genuine"] else "NOT GENUINE"
        print_result(row, as_json=as_json, line=f"{state}  {file}  {row.pop('line')}")
    if bad:
        raise typer.Exit(1)


@snapshot.command("show")
def show(
    file: Annotated[Path, typer.Argument(help="A snapshot or a delta.")],
    signals: Annotated[
        bool, typer.Option("--signals", help="Print its signals as JSON, once all are verified.")
    ] = False,
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Verify a file and show its content: signals, date and markings."""
    row = _verified(file, trust or [])
    if not row["genuine"]:
        fail(f"{file}: {row['line']}")
    line = row.pop("line")
    if not signals:
        print_result(row, as_json=as_json, line=f"{file}  {line}")
        return
    opened = _opened(file)
    with opened(file, trusted=_keys(file, trust or [])) as (_, lines):
        for piece in lines.pieces():
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@snapshot.command("apply")
def apply_delta(
    base: Annotated[Path, typer.Argument(help="Snapshot that the delta applies to.")],
    delta: Annotated[Path, typer.Argument(help="The delta.")],
    out: Annotated[Path, typer.Option("--out", help="The snapshot to write; may be the base.")],
    trust: Trust = None,
    as_json: AsJson = False,
) -> None:
    """Apply a delta to a snapshot, after verifying both. Works offline."""
    from stemtide.protocol.sync.signatures import SignatureError
    from stemtide.protocol.sync.snapshot_files import SnapshotFileError, apply

    with fail_on(SignatureError, SnapshotFileError, OSError):
        manifest = apply(base, delta, out, trusted=_keys(base, trust or [])).manifest
    print_result(
        _manifest_row(manifest) | {"file": str(out)},
        as_json=as_json,
        line=f"{out}  {_line(manifest)}",
    )


def _pin(puller: Any, trust: list[str]) -> None:  # noqa: ANN401  # a Puller, imported late
    """Trust the given keys or, at the first use, pin the hub's newest key."""
    from stemtide.protocol.sync.signatures import PublicKey

    if trust:
        puller.before = puller.folder.pinned()
        puller.folder.pin(*map(PublicKey.read, trust))
        return
    pinned = puller.folder.pinned()
    if not pinned:
        first = puller.hub_keys()[0]
        puller.folder.pin(first)
        print_note(
            f"The hub's key {first.fingerprint} is trusted from now on. Compare it by telephone."
        )
        return
    newest = puller.hub_keys()[0]
    if newest not in pinned:
        print_note(
            f"The hub has a newer key, {newest.fingerprint}. Compare it by telephone, then pull"
            f" once with --trust {newest}, before the old one is dropped."
        )


def _progress(*, is_shown: bool) -> Any:  # noqa: ANN401  # a function
    """Return a callback that prints now and then how much has arrived."""
    last = time.monotonic()

    def note(come: int, of: int) -> None:
        nonlocal last
        if is_shown and sys.stderr.isatty() and time.monotonic() - last > _TELL_EVERY_S:
            last = time.monotonic()
            print_note(f"{come / 1e6:.1f} of {of / 1e6:.1f} MB")

    return note


def _keys(file: Path, trust: list[str]) -> Any:  # noqa: ANN401  # public keys, imported late
    """Return the keys to trust for a file."""
    from stemtide.cli.commands.snapshots.folder import KEY_FILE, read_keys
    from stemtide.protocol.sync.signatures import PublicKey, SignatureError

    try:
        keys = tuple(map(PublicKey.read, trust)) or read_keys(file.parent / KEY_FILE)
    except (SignatureError, OSError) as error:
        fail(str(error), code=2)
    if not keys:
        fail(
            f"no key to verify with: give the hub's with --trust, or put {KEY_FILE} beside it",
            code=2,
        )
    return keys


def _opened(file: Path) -> Any:  # noqa: ANN401  # a context manager of the protocol's
    """Return the function that opens this kind of file."""
    from stemtide.protocol.sync.snapshot_files import is_delta, opened_delta, opened_whole

    return opened_delta if is_delta(file) else opened_whole


def _verified(file: Path, trust: list[str]) -> dict[str, Any]:
    """Verify a file and return a row about it; line: the same as text."""
    from stemtide.protocol.sync.signatures import SignatureError
    from stemtide.protocol.sync.snapshot_files import SnapshotFileError

    keys = _keys(file, trust)
    try:
        with _opened(file)(file, trusted=keys) as (head, lines):
            lines.read()
    except (SignatureError, SnapshotFileError, OSError) as error:
        return {"file": str(file), "genuine": False, "why": str(error), "line": str(error)}
    manifest = head.manifest
    return {"file": str(file), "genuine": True, **_manifest_row(manifest), "line": _line(manifest)}


def _manifest_row(manifest: Any) -> dict[str, Any]:  # noqa: ANN401  # one of two manifests
    """Return a manifest as JSON."""
    row: dict[str, Any] = manifest.model_dump(mode="json")
    return row


def _line(manifest: Any) -> str:  # noqa: ANN401  # one of two manifests
    """Describe a manifest for people."""
    kind = "with exercise signals" if manifest.exercise else "real signals only"
    created = f"made {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC"
    origin = f"for {manifest.party}, {kind}, {created}, hub {manifest.hub}"
    if manifest.format.startswith("stemtide-delta"):
        counts = f"{manifest.puts} in, {manifest.drops} out"
        return f"delta {manifest.base} → {manifest.version}: {counts}, {origin}"
    marks = (
        f"TLP:{manifest.tlp.upper()}, PAP:{manifest.pap.upper()}" if manifest.tlp else "no marks"
    )
    return f"version {manifest.version}: {manifest.signals} signals, {marks}, {origin}"
