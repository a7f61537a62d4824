# SPDX-License-Identifier: Apache-2.0
"""Messages about previews: a small still image or a short text excerpt of a signal's content."""

import base64
import binascii
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.protocol.labels import LabelName

MAX_STILL_BYTES = 4 * 1024 * 1024
"""Maximum size of an uploaded picture; the stored version is far smaller."""

MAX_EXCERPT_CHARS = 1000
"""Maximum characters of an excerpt: enough to judge it, too few to replace the whole."""

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Purpose(StrEnum):
    """The reason for viewing content. Each further reason is a view of its own."""

    CONTAIN_SPREAD = "contain-spread"
    THREAT_TO_LIFE = "threat-to-life"
    PRESERVE = "preserve"
    REVIEW = "review"


class PreviewKind(StrEnum):
    """The kind of a preview."""

    STILL = "still"
    EXCERPT = "excerpt"


def _check_base64(text: str) -> str:
    """Refuse text that is not base64. raises: ValueError."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("is not base64 (RFC 4648 section 4, with padding)") from error
    return text


class PreviewIn(BaseModel):
    """A preview of a signal that the sender shared: either still or excerpt.

    still:      a picture file in base64; the hub stores a small version of it.
    excerpt:    plain text.
    expires_at: when the preview is destroyed; required.
    labels:     of the preview itself; labels that are refused for signals are refused here as well.
    """

    model_config = _STRICT

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
        """Return the bytes of the picture file that was sent, empty for an excerpt."""
        return base64.b64decode(self.still or "")


class PreviewOut(BaseModel):
    """Metadata of a stored preview, without its content."""

    id: UUID
    signal: UUID
    kind: PreviewKind
    size_bytes: int
    added_at: AwareDatetime
    expires_at: AwareDatetime
    destroyed_at: AwareDatetime | None
