# SPDX-License-Identifier: Apache-2.0
"""Which keys a host of a hub must have: those that the hub's first host recorded.

Several hosts on one database that each make keys of their own would sign, seal and lock with keys
that the others do not open. So the database holds a fingerprint of each key, and a host with
another key does not start.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class KeyName(StrEnum):
    """The keys of a hub that all its hosts share."""

    SECRET = "secret"  # noqa: S105  # its name
    SIGNING = "signing"
    MEDIA = "media"
    SEAL = "seal"


class OtherKeyError(Exception):
    """A host has another key than its hub, or lacks one. The message names the remedy."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key as a host has it.

    fingerprints: of the key in use, then of those before it that the host still holds; empty
                  where its file is missing. place: the file that it lies in, or its setting.
    """

    name: KeyName
    fingerprints: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class RecordedKey:
    """A key as the database knows it. host, place: where it was when it was recorded."""

    fingerprint: str
    host: str
    place: str


def secret_fingerprint(secret: str, *, hub: UUID) -> str:
    """Fingerprint of a secret that a person may have chosen: slow to guess, different at each hub.

    source: RFC 7914 (scrypt), with N = 2^14, r = 8, p = 1.
    """
    digest = hashlib.scrypt(secret.encode(), salt=hub.bytes, n=2**14, r=8, p=1, dklen=32)
    return digest.hex()


def check_keys(keys: Iterable[HostKey], recorded: Mapping[str, RecordedKey]) -> None:
    """Refuse keys of which none is the recorded one. Keys that are not recorded yet are good.

    A host that holds the recorded key below a newer one has rotated it, and may.

    raises: OtherKeyError.
    """
    for key in keys:
        known = recorded.get(key.name)
        if known is None or known.fingerprint in key.fingerprints:
            continue
        state = "is another than this hub's" if key.fingerprints else "is missing on this machine"
        raise OtherKeyError(
            f"the {key.name} key {state}: copy {known.place} of the host {known.host} to"
            f" {key.place} here; if you replaced the key on purpose, run"
            f" stemtide hub accept-key {key.name} --yes"
        )


def newer_keys(keys: Iterable[HostKey], recorded: Mapping[str, RecordedKey]) -> list[HostKey]:
    """Return the keys that are recorded with another fingerprint, or not at all."""
    return [
        key
        for key in keys
        if key.fingerprints
        and (key.name not in recorded or recorded[key.name].fingerprint != key.fingerprints[0])
    ]
