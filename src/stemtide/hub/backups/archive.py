# SPDX-License-Identifier: Apache-2.0
"""Read and check a backup, and hold the empty data folder that it is restored into.

None of this needs settings: the hub's secret must lie in the data folder before they are read.
"""

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stemtide.hub.backups import keys as key_archive, marker
from stemtide.hub.backups.encryption import Progress, check_file, read_file
from stemtide.hub.backups.manifest import BackupError, Manifest, read_signed
from stemtide.hub.platform import secret_files
from stemtide.hub.rooms.ledger.rules.keys import KeyName
from stemtide.hub.rooms.snapshots.keys import private_keys
from stemtide.hub.rooms.transparency.rules.leaves import origin_of
from stemtide.private_files import PASSED_OVER
from stemtide.protocol.sync.signatures import PublicKey, SignatureError, check
from stemtide.protocol.tlog.notes import Checkpoint, NoteError, NoteKey, read_checkpoint


@dataclass(frozen=True, slots=True)
class BackupArchive:
    """A backup whose files are as the hub wrote and signed them.

    keys: contents of the hub's key files. signer: the key that signed the manifest.
    """

    folder: Path
    manifest: Manifest
    keys: Mapping[KeyName, bytes]
    signer: PublicKey
    identities: Sequence[pyrage.x25519.Identity]

    @property
    def database(self) -> Path:
        """Return the file with the database."""
        return self.folder / self.manifest.database.name


def read_archive(
    folder: Path,
    *,
    keys: Path,
    identities: Sequence[pyrage.x25519.Identity],
    progress: Progress | None = None,
) -> BackupArchive:
    """Read a backup and check each of its files.

    keys: the file with the hub's keys, or the folder that contains it.

    1 The file of keys must be as in the manifest, and one of the identities decrypts it.
    2 A signing key in it must have signed the manifest.
    3 The database must be as in the manifest.

    raises: BackupError, OSError.
    """
    manifest, signed = read_signed(folder)
    keys = keys / manifest.keys.name if keys.is_dir() else keys
    if manifest.recipients and not identities:
        recipients = ", ".join(manifest.recipients)
        raise BackupError(
            f"{folder} is encrypted: name the file with the secret key of {recipients} with"
            " --identity"
        )
    check_file(keys, manifest.keys)
    is_encrypted = bool(manifest.recipients)
    packed = io.BytesIO()
    stored = manifest.keys
    read_file(keys, packed, stored=stored, identities=identities, is_encrypted=is_encrypted)
    contents = key_archive.unpack(packed.getvalue())
    try:
        trusted = [
            PublicKey.of(key)
            for key in private_keys(contents[KeyName.SIGNING])
            if isinstance(key, Ed25519PrivateKey)
        ]
        signer = check(signed, trusted=trusted)
    except (SignatureError, ValueError) as error:
        raise BackupError(
            f"{folder}: the hub did not sign this manifest, so somebody changed the backup or its"
            f" keys: choose another backup ({error})"
        ) from error
    check_file(folder / manifest.database.name, manifest.database, progress)
    return BackupArchive(folder, manifest, contents, signer, identities)


def read_head(note: str, *, archive: BackupArchive) -> Checkpoint:
    """Return a head of the hub's log that somebody kept. raises: BackupError."""
    private = private_keys(archive.keys[KeyName.SIGNING])
    keys = [NoteKey.of(key, name="log") for key in private if isinstance(key, Ed25519PrivateKey)]
    try:
        head = read_checkpoint(note, trusted=keys, is_any_log=True)
    except NoteError as error:
        raise BackupError(f"the last head is none of this hub's log: {error}") from error
    own = origin_of(archive.manifest.hub)
    if head.origin != own and not head.origin.startswith(f"{own}/"):
        raise BackupError(f"the last head is of {head.origin[:100]}, and not of {own}")
    return head


@contextmanager
def new_data_folder(folder: Path, *, secret: bytes | None) -> Iterator[None]:
    """Hold an empty data folder during a restore; empty it again if the restore fails.

    secret: the hub's secret, to put into it; None if the settings have it elsewhere.

    raises: BackupError if the folder is not empty; OSError.
    """
    is_new = not folder.exists()
    if not is_new and (there := _content(folder)):
        raise BackupError(
            f"{folder} is not empty (it contains {there[0].name}): stop the hub and move the folder"
            " away, or name another one with --data-dir"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    path = folder / marker.NAME
    try:
        path.touch(mode=0o600)
        if secret is not None:
            secret_files.replace(folder / "secret.key", secret)
        yield
        path.unlink()
    except BaseException:
        for left in _content(folder):
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        if is_new:
            folder.rmdir()
        raise


def _content(folder: Path) -> list[Path]:
    """Return the paths in a folder, but those that file systems put there."""
    return sorted(path for path in folder.iterdir() if path.name not in PASSED_OVER)
