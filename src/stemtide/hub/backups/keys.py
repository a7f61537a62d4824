# SPDX-License-Identifier: Apache-2.0
"""The hub's keys as one file of a backup, which is kept apart from the database.

source: POSIX.1-2001 (tar), so that `age -d FILE | tar x` unpacks it.
"""

import io
import tarfile
from collections.abc import Mapping

from stemtide.hub.backups.manifest import BackupError
from stemtide.hub.rooms.ledger.rules.keys import KeyName

SUFFIX = ".keys"
_MOST_BYTES = 1_000_000


def pack(keys: Mapping[KeyName, bytes]) -> bytes:
    """Return the contents of key files as one archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in keys.items():
            member = tarfile.TarInfo(f"{name}.key")
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def unpack(packed: bytes) -> dict[KeyName, bytes]:
    """Return the contents of key files in an archive. raises: BackupError."""
    keys = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
            for name in KeyName:
                content = archive.extractfile(f"{name}.key")
                keys[name] = content.read(_MOST_BYTES) if content else b""
    except (tarfile.TarError, KeyError) as error:
        raise BackupError(
            f"the file of keys is damaged ({error}): choose another backup"
        ) from error
    return keys
