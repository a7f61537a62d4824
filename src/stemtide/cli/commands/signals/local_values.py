# SPDX-License-Identifier: Apache-2.0
"""What stemtide signal share --local does: make local features of pictures, and send them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stemtide.cli.output import fail, print_note
from stemtide.protocol.handling import Tlp

if TYPE_CHECKING:
    from stemtide.cli.content import NamedContent
    from stemtide.client import Hub as Client

_WIDE = frozenset({Tlp.GREEN, Tlp.CLEAR})


def check_local(tlp: Tlp, *, is_asked: bool) -> None:
    """Refuse local features under a mark that lets others pass them on, before a file is read."""
    if is_asked and tlp in _WIDE:
        fail(
            f"--local sends more of a picture than its hash, so it goes with TLP red, amber+strict"
            f" and amber only: leave out --tlp {tlp}, or --local",
            code=2,
        )


def values_of(named: "NamedContent") -> dict[str, str]:
    """Return the local features of a picture by the hex of its hash, if it has some to share."""
    from stemtide.fingerprints.kinds import FingerprintError, Kind
    from stemtide.fingerprints.values.local import LocalFeatures, check_shared

    whole = [print_.hex for print_ in named.fingerprints.of(Kind.PDQ) if not print_.part]
    if not (whole and named.local):
        print_note(f"{named.name}: it has no local features: it is not a still picture")
        return {}
    value = LocalFeatures.from_bytes(named.local[0]).strongest().to_bytes()
    try:
        check_shared(value)
    except FingerprintError as error:
        print_note(f"{named.name}: its local features are left out: {error}")
        return {}
    return {whole[0]: value.hex()}


def send_local(
    client: "Client",
    rows: Sequence[Mapping[str, Any]],
    stored: Sequence[Mapping[str, Any]],
    *,
    features: Mapping[str, str],
) -> set[str]:
    """Send local features with the signals that were shared; return the ids of those with some.

    If the hub refuses them, a note says so, and the signal stays as it is.
    """
    from stemtide.client import DeclinedError
    from stemtide.protocol.sync.local_features import LocalFeaturesIn

    sent = set()
    for row, result in zip(rows, stored, strict=True):
        value, uid = features.get(row["value"]), result["id"]
        if value is None:
            continue
        if result["state"] != "live":
            print_note(
                f"{uid} waits for a second look: share the file again with --local once it is live"
            )
            continue
        try:
            client.send_local_features(LocalFeaturesIn(value=value), uid=uid)
        except DeclinedError as error:
            print_note(f"{uid} has no local features: {error}")
        else:
            sent.add(uid)
    return sent
