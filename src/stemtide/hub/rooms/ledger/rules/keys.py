# SPDX-License-Identifier: Apache-2.0
"""Rules for the keys of a hub's hosts, which must be those that the first host recorded.

If several hosts on one database each created their own keys, they would sign and encrypt with keys
that the others do not have. So the database holds a fingerprint of each key, and a host with
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

    fingerprints: of the key in use, then of earlier ones that the host still has; empty if its file
                  is missing. place: its file or setting.
    """

    name: KeyName
    fingerprints: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class RecordedKey:
    """A key as recorded in the database. host, place: where it was when it was recorded."""

    fingerprint: str
    host: str
    place: str


def secret_fingerprint(secret: str, *, hub: UUID) -> str:
    """Return the fingerprint of a secret that a person may have chosen: slow to guess, and salted.

    source: RFC 7914 (scrypt), with N = 2^14, r = 8, p = 1.
    """
    digest = hashlib.scrypt(secret.encode(), salt=hub.bytes, n=2**14, r=8, p=1, dklen=32)
    return digest.hex()


def check_keys(keys: Iterable[HostKey], recorded: Mapping[str, RecordedKey]) -> None:
    """Refuse keys whose fingerprints do not include the recorded one. Unrecorded keys pass.

    A host that has the recorded key below a newer one has rotated it, which is allowed.

    raises: OtherKeyError.
    """
    for key in keys:
        expected = recorded.get(key.name)
        if expected is None or expected.fingerprint in key.fingerprints:
            continue
        state = "is another than this hub's" if key.fingerprints else "is missing on this machine"
        raise OtherKeyError(
            f"the {key.name} key {state}: copy {expected.place} of the host {expected.host} to"
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
