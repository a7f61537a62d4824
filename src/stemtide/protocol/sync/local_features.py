# SPDX-License-Identifier: Apache-2.0
"""Messages about local features of pictures, which a sharer sends with a pdq signal.

They do not travel in the feed. Agents that look uploads up by them ask for them, and nobody else.
docs/decide/0180
"""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.fingerprints.kinds import FingerprintError
from stemtide.fingerprints.values.local import MAX_SHARED_BYTES, check_shared

MAX_LOCAL_PAGE = 500
"""Maximum entries of a page: some 4 MB of hex."""

MAX_LOCAL_FEATURES = 100_000
"""Maximum pictures whose local features a hub holds, and an agent compares: 7 kB of memory each."""


def _check_value(text: str) -> str:
    """Refuse text that is no local features in lower-case hex. raises: ValueError."""
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if value.hex() != text:
        raise ValueError("local features are lower-case hex digits, two a byte, and nothing else")
    try:
        check_shared(value)
    except FingerprintError as error:
        raise ValueError(str(error)) from error
    return text


LocalValue = Annotated[
    str, Field(min_length=2, max_length=2 * MAX_SHARED_BYTES), AfterValidator(_check_value)
]
"""Local features in lower-case hex, at most 7,622 digits."""


class LocalFeaturesIn(BaseModel):
    """Local features of the picture that a pdq signal is made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: LocalValue


class LocalFeaturesOut(BaseModel):
    """Local features that were sent. number: their place in the list that agents read."""

    signal: UUID
    number: int
    size_bytes: int
    sent_at: AwareDatetime


class LocalEntry(BaseModel):
    """Local features of a live signal, or that it has none any more.

    value: in hex; null if they were removed.
    """

    number: int
    signal: UUID
    value: str | None


class LocalPage(BaseModel):
    """A page of local features, the earliest first.

    next: the number to ask for next. head: the highest number of the hub; if it is lower than one
    that you have, the hub was restored from a backup: ask again from 0. more: another page waits.
    """

    entries: list[LocalEntry]
    next: int
    head: int
    more: bool
