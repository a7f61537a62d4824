# SPDX-License-Identifier: Apache-2.0
"""Messages about previews: a small still or a short excerpt that a sharer sends with a signal."""

import base64
import binascii
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.labels import LabelName

MAX_STILL_BYTES = 4 * 1024 * 1024
"""A picture as it is sent; what is kept is far smaller."""

MAX_EXCERPT_CHARS = 1000
"""Characters of text that an excerpt has: enough to judge it by, too few to stand for the whole."""

_ORDERS = ConfigDict(extra="forbid", frozen=True)


class Purpose(StrEnum):
    """Why a person looks at content. Looking for another reason is another look."""

    CONTAIN_SPREAD = "contain-spread"
    THREAT_TO_LIFE = "threat-to-life"
    PRESERVE = "preserve"
    REVIEW = "review"


class PreviewKind(StrEnum):
    """What a preview is."""

    STILL = "still"
    EXCERPT = "excerpt"


def _check_base64(text: str) -> str:
    """Refuse what is no base64. raises: ValueError."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not base64 (RFC 4648 section 4, with padding)") from error
    return text


class PreviewIn(BaseModel):
    """One preview of a signal that the sender shared. Either still or excerpt.

    still:      a picture file in base64; the hub keeps a small one that it makes of it.
    excerpt:    plain text.
    expires_at: when it is destroyed; there is no preview without such a date.
    labels:     what the preview itself shows; content that is refused is refused here as well.
    """

    model_config = _ORDERS

    still: Annotated[str, AfterValidator(_check_base64)] | None = Field(
        default=None, min_length=1, max_length=(MAX_STILL_BYTES + 2) // 3 * 4
    )
    excerpt: str | None = Field(default=None, min_length=1, max_length=MAX_EXCERPT_CHARS)
    expires_at: AwareDatetime
    labels: tuple[LabelName, ...] = Field(default=(), max_length=8, fail_fast=True)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "PreviewIn":
        if (self.still is None) is (self.excerpt is None):
            raise ValueError("still: send either a still or an excerpt, one preview at a time")
        return self

    @property
    def blob(self) -> bytes:
        """The picture file that was sent; empty for an excerpt."""
        return base64.b64decode(self.still or "")


class PreviewOut(BaseModel):
    """A preview that the hub keeps, without what it shows."""

    id: UUID
    signal: UUID
    kind: PreviewKind
    size_bytes: int
    added_at: AwareDatetime
    expires_at: AwareDatetime
    destroyed_at: AwareDatetime | None
