# SPDX-License-Identifier: Apache-2.0
"""Logs that commands read: a hub's, by HTTP, or a folder that `stemtide ledger copy` wrote."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from stemtide.cli.hub_client import read_key
from stemtide.protocol.tlog.audit import LogCopy, Read
from stemtide.protocol.tlog.cosignatures import WitnessKey, cosigners
from stemtide.protocol.tlog.notes import (
    MAX_BYTES,
    Checkpoint,
    Note,
    NoteError,
    NoteKey,
    read_checkpoint,
)
from stemtide.protocol.tlog.statements import folder_of
from stemtide.protocol.tlog.tiles import MAX_LEAF_BYTES, WIDTH, TileError, tiles_of

CHECKPOINT, COSIGNED, KEYS = "checkpoint", "cosigned", "keys"
RESTORES = "restores"
MOST_BYTES = WIDTH * (2 + MAX_LEAF_BYTES)
"""The most bytes of a file that a hub may send: a full bundle of the longest leaves."""

_OK = 200
_PATIENCE_S = 120


class LogReadError(Exception):
    """A log cannot be read. The message names the file and the remedy."""


def reader_of(place: str, *, key: str) -> Read:
    """Return a reader of a log's files: a hub's if the place is an address, else a folder's."""
    if "://" not in place:
        return _folder_reader(Path(place))
    return _hub_reader(place.rstrip("/"), key=key)


def figures_reader(hub: str) -> Read:
    """Return a reader of the files of a hub's public figures."""
    return _hub_reader(hub.rstrip("/"), key="", root="figures")


def read_keys(read: Read) -> list[NoteKey]:
    """Return the keys that a log names itself. raises: LogReadError, NoteError."""
    lines = read(KEYS).decode(errors="replace").splitlines()
    if not lines:
        raise LogReadError("the log names no key: it begins once the hub has run for a second")
    return [NoteKey.read(line) for line in lines]


def read_head(read: Read, *, trusted: Sequence[NoteKey]) -> Checkpoint:
    """Return the signed head of a log. raises: LogReadError, NoteError."""
    return parse_head(read(CHECKPOINT), trusted=trusted)


def read_cosigned(
    read: Read, *, trusted: Sequence[NoteKey], witnesses: Sequence[str]
) -> Checkpoint:
    """Return the newest cosigned head of a log. witnesses: keys that must have cosigned it.

    raises: LogReadError, NoteError.
    """
    content = read(COSIGNED)
    head = parse_head(content, trusted=trusted)
    keys = [WitnessKey.read(text) for text in witnesses]
    signers = cosigners(Note.read(content.decode(errors="replace")), trusted=keys)
    if missing := [key.name for key in keys if key not in signers]:
        raise NoteError(
            f"the head of {head.size} leaves is not cosigned by {', '.join(missing)}: ask the"
            " witness which head it has"
        )
    return head


def read_kept(place: str, *, trusted: Sequence[NoteKey]) -> tuple[Checkpoint, LogCopy | None]:
    """Return a head that somebody kept, and their copy if the place is a folder.

    raises: LogReadError, NoteError.
    """
    path = Path(place)
    if path.is_dir():
        read = reader_of(place, key="")
        head = read_head(read, trusted=trusted)
        return head, LogCopy(head, read)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LogReadError(f"{path} cannot be read: {error.strerror}") from error
    return parse_head(content, trusted=trusted), None


def write_copy(folder: Path, *, log: LogCopy, note: bytes, keys: Sequence[NoteKey]) -> int:
    """Write the files of a log into a folder, the head last; return how many were fetched.

    Full tiles that are there stay: they never change.

    raises: LogReadError, OSError.
    """
    fetched = 0
    for tile in tiles_of(log.head.size):
        file = folder / "tile" / tile.path
        if not file.exists():
            _write(file, log.read(f"tile/{tile.path}"))
            fetched += 1
    named = [NoteKey(log.head.origin, key.raw) for key in keys]
    _write(folder / KEYS, "".join(f"{key}\n" for key in named).encode())
    _write(folder / CHECKPOINT, note)
    return fetched


def parse_head(content: bytes, *, trusted: Sequence[NoteKey]) -> Checkpoint:
    """Return the head in a signed note. raises: NoteError."""
    if len(content) > MAX_BYTES:
        raise NoteError(f"a signed head has at most {MAX_BYTES} bytes")
    text = content.decode(errors="replace")
    return read_checkpoint(text, trusted=trusted, is_any_log=True)


def _write(file: Path, content: bytes) -> None:
    """Write a file, all of it or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(content)
    part.replace(file)


def _folder_reader(folder: Path) -> Read:
    """Return a reader of the files of a folder."""

    def read(path: str) -> bytes:
        try:
            return (folder / path).read_bytes()
        except OSError as error:
            raise LogReadError(f"{folder / path} cannot be read: {error.strerror}") from error

    return read


def _hub_reader(hub: str, *, key: str, root: str = "log") -> Read:
    """Return a reader of the files of a hub's log. Without a key, the hub gives an older head.

    root: the first part of the files' addresses.
    """
    import httpx

    has_key = key or os.environ.get("STEMTIDE_KEY_FILE")
    headers = {"Authorization": f"Bearer {read_key(key)}"} if has_key else {}
    client = httpx.Client(headers=headers, timeout=_PATIENCE_S)
    folder = ""

    def read(path: str) -> bytes:
        nonlocal folder
        address = f"{hub}/{root}/{folder if path.startswith('tile/') else ''}{path}"
        content = bytearray()
        try:
            with client.stream("GET", address) as response:
                for part in response.iter_bytes():
                    content += part
                    if len(content) > MOST_BYTES:
                        raise LogReadError(f"{address}: it sent more than {MOST_BYTES} bytes")
        except httpx.HTTPError as error:
            raise LogReadError(f"{address} cannot be reached ({error}); is the hub up?") from error
        if response.status_code != _OK:
            raise LogReadError(f"{address}: {_reason(response.status_code, content)}")
        if path == CHECKPOINT:
            folder = folder_of(content.partition(b"\n")[0].decode(errors="replace"))
        return bytes(content)

    return read


def _reason(status: int, content: bytes | bytearray) -> str:
    """Return a hub's reason for a refused request."""
    try:
        return str(json.loads(content)["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the hub answered {status}"


ERRORS = (LogReadError, NoteError, TileError, OSError)
"""What reading a log raises."""
