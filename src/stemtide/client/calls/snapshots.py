# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: snapshots.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, File, Parts, part

if TYPE_CHECKING:
    from stemtide.protocol.sync.signatures import Signed
    from stemtide.protocol.sync.snapshots import HubKeys, SnapshotOffer


def find_snapshot(*, have: int | None = None, exercise: bool | None = None) -> Call[SnapshotOffer]:
    """Retrieve the newest snapshot that is available to you. have: the version that you have.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/snapshots
    """
    from stemtide.protocol.sync.snapshots import SnapshotOffer

    return Call(
        (SnapshotOffer,), "GET", "/api/v1/snapshots", query={"have": have, "exercise": exercise}
    )


def list_segments(*, exercise: bool | None = None) -> Call[Signed]:
    """Retrieve the signed list of the segments that make up your newest snapshot.

    It has the keys of the segments: keep it to yourself. Then follow the feed from its version.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/segments
    """
    from stemtide.protocol.sync.signatures import Signed

    return Call((Signed,), "GET", "/api/v1/segments", query={"exercise": exercise})


def read_delta(
    *, from_: int, view: str, exercise: bool | None = None, history: str | None = None
) -> Parts[bytes]:
    """Download the changes from a version to the newest one, signed.

    view, history: from that version's manifest.

    On 409 and 410, download the full snapshot.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/snapshots/delta
    """
    return Parts(
        (bytes,),
        "GET",
        "/api/v1/snapshots/delta",
        query={"from": from_, "view": view, "exercise": exercise, "history": history},
    )


def read_keys() -> Call[HubKeys]:
    """List the public keys that this hub signs snapshots with, newest first.

    Any key will do. raises: HubError. source: GET /api/v1/keys
    """
    from stemtide.protocol.sync.snapshots import HubKeys

    return Call((HubKeys,), "GET", "/api/v1/keys")


def read_latest_snapshot(*, exercise: bool | None = None) -> Parts[bytes]:
    """Download the newest full snapshot, signed. Send its ETag as If-None-Match to get 304.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/snapshots/latest
    """
    return Parts((bytes,), "GET", "/api/v1/snapshots/latest", query={"exercise": exercise})


def read_segment(*, name: str) -> Call[File]:
    """Download a segment; with a Range, the rest of an interrupted download.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/segments/{name}
    """
    return Call((File,), "GET", f"/api/v1/segments/{part(name)}")


def read_snapshot_version(*, version: int, exercise: bool | None = None) -> Parts[bytes]:
    """Download one of the last two snapshots; with a Range, the rest of an interrupted download.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/snapshots/{version}
    """
    return Parts(
        (bytes,), "GET", f"/api/v1/snapshots/{part(version)}", query={"exercise": exercise}
    )
