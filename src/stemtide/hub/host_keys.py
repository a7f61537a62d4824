# SPDX-License-Identifier: Apache-2.0
"""The keys of this host, checked against those recorded for its hub.

1 The first host that starts records a fingerprint of each key in the database.
2 A host does not start if its key is neither the recorded one nor a renewal that still contains it.
3 Commands check the keys that they use.
"""

import hashlib
import socket
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.conf import settings

from stemtide.hub.rooms.ledger.reads import keys as keys_reads, ledger as reads
from stemtide.hub.rooms.ledger.rules.keys import HostKey, KeyName, check_keys, secret_fingerprint
from stemtide.hub.rooms.ledger.writes import keys as keys_writes
from stemtide.hub.rooms.media import keys as media
from stemtide.hub.rooms.snapshots import keys as snapshots


def record(*names: KeyName, actor: str, now: datetime) -> None:
    """Record keys of this host that the hub has not recorded, or that renew a recorded one.

    names: all keys if none is named.

    raises: OtherKeyError, KeyFileError, SealFileError, SigningKeyError.
    """
    keys = _host_keys(names or tuple(KeyName), now=now)
    keys_writes.record_keys(keys, host=socket.gethostname(), actor=actor, now=now)


def check(*names: KeyName, now: datetime) -> None:
    """Refuse keys of this host that differ from the hub's.

    raises: OtherKeyError, KeyFileError, SealFileError, SigningKeyError.
    """
    recorded = keys_reads.recorded_keys()
    recorded_names = [name for name in names if name in recorded]
    check_keys(_host_keys(recorded_names, now=now), recorded)


def accept(name: KeyName, *, actor: str, now: datetime) -> bool:
    """Make this host's key the hub's. Return whether it replaced another key.

    raises: KeyFileError, SealFileError, SigningKeyError.
    """
    key = HostKey(name, _fingerprints(name, now=now), str(place_of(name)))
    return keys_writes.accept_key(key, host=socket.gethostname(), actor=actor, now=now)


def _host_keys(names: Iterable[KeyName], *, now: datetime) -> list[HostKey]:
    """Return this host's keys; a key that the hub has recorded elsewhere is not created here."""
    recorded = keys_reads.recorded_keys()
    keys = []
    for name in names:
        place = place_of(name)
        is_missing = isinstance(place, Path) and not place.exists()
        fingerprints = () if is_missing and name in recorded else _fingerprints(name, now=now)
        keys.append(HostKey(name, fingerprints, str(place)))
    return keys


def contents() -> dict[KeyName, bytes]:
    """Return the keys of this host, as they are in their files. raises: OSError."""
    places = {name: place_of(name) for name in KeyName if name is not KeyName.SECRET}
    files = {name: Path(place).read_bytes() for name, place in places.items()}
    return {KeyName.SECRET: settings.SECRET_KEY.encode()} | files


def place_of(name: KeyName) -> Path | str:
    """Return the file of a key; for a secret from the environment, the name of its setting."""
    match name:
        case KeyName.SECRET:
            return settings.SECRET_KEY_PLACE
        case KeyName.SIGNING:
            return Path(settings.SIGNING_KEY_FILE)
        case KeyName.MEDIA:
            return Path(settings.MEDIA_KEY_FILE)
        case KeyName.SEAL:
            return Path(settings.SEAL_FILE or Path(settings.DATA_DIR) / "seal.pem")


def _fingerprints(name: KeyName, *, now: datetime) -> tuple[str, ...]:
    """Return the fingerprints of a key and of its predecessors. A missing file is created."""
    match name:
        case KeyName.SECRET:
            hub = reads.heads().hub
            secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
            return tuple(secret_fingerprint(secret, hub=hub) for secret in secrets)
        case KeyName.SIGNING:
            return tuple(
                _digest(public.raw)
                for public in snapshots.keys_in(Path(settings.SIGNING_KEY_FILE)).public
            )
        case KeyName.MEDIA:
            identities = media.keys_in(Path(settings.MEDIA_KEY_FILE)).identities
            return tuple(_digest(str(key.to_public()).encode()) for key in identities)
        case KeyName.SEAL:
            from stemtide.hub.platform.documents import hub_seal  # noqa: PLC0415  # its import takes half a second, which commands save

            trust = hub_seal.hub_trust(now)
            # If the earlier certificate is trusted as well, the seal was renewed on purpose.
            seals = [trust.own, *trust.named] if trust.own else trust.named
            return tuple(_digest(seal.public_key.dump()) for seal in seals)


def _digest(public: bytes) -> str:
    """Return the fingerprint of a public key."""
    return hashlib.sha256(public).hexdigest()
