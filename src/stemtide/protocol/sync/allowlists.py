# SPDX-License-Identifier: Apache-2.0
"""Messages of the hub's allow-list, and its signed file, which agents keep."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, SIZE_BYTES, Kind
from stemtide.protocol.enums import Reach
from stemtide.protocol.messages.signals import MAX_URL_CHARS, RowError

MAX_ENTRIES = 20_000
"""Maximum entries of a request."""

MAX_LIST = 100_000
"""Maximum entries of a list: every agent keeps all of them."""

DEFAULT_WITHIN_BITS = 8
"""PDQ distance of an entry that names none: copies in other sizes and qualities lie below it."""

MAX_COUNTS = 1000
"""Maximum counts of a report."""

ListVersion = Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")]
"""Name of a version of the list, in no order; "" while a hub never had an entry."""

AllowKind = Literal["pdq", "sha256", "md5", "url"]
"""Kinds of entries. Others match parts of content, so that an entry would shield the rest."""

_Words = Annotated[str, Field(min_length=3, max_length=300)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class AllowEntryIn(BaseModel):
    """An entry to add.

    value:       hex for pdq, sha256 and md5; for url the address itself.
    within_bits: pdq only: pictures within this distance are covered; None: 8.
    reach:       url only: "folder" or "host" to cover everything below; None: that address alone.
    source:      who says that the content is lawful, for example the newsroom whose film it is.
    source_url:  where that source says so, or its terms of use.
    reason:      what the content is. Everybody reads it: no personal data, nothing confidential.
    """

    model_config = _STRICT

    kind: AllowKind
    value: str = Field(min_length=1, max_length=MAX_URL_CHARS)
    within_bits: int | None = Field(default=None, ge=0, le=MATCH_WITHIN_BITS)
    reach: Reach | None = None
    source: _Words
    source_url: str = Field(default="", max_length=500, pattern=r"^(https://\S+)?$")
    reason: _Words
    expires_at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _check_fields(self) -> "AllowEntryIn":
        """Refuse fields and values that do not suit the kind."""
        if self.kind != "pdq" and self.within_bits is not None:
            raise ValueError("within_bits: only pdq entries have a distance; leave it out")
        if self.kind != "url" and self.reach is not None:
            raise ValueError("reach: only url entries reach further; leave it out")
        digits = 2 * SIZE_BYTES[Kind(self.kind)]
        if self.kind != "url" and not is_hex(self.value, digits=digits):
            raise ValueError(f"value: a {self.kind} value is {digits} hex digits")
        return self


class AllowlistIn(BaseModel):
    """Entries to add: all or none.

    accept_covered: add them even if they cover live signals that other parties share.
    """

    model_config = _STRICT

    entries: tuple[AllowEntryIn, ...] = Field(min_length=1, max_length=MAX_ENTRIES)
    accept_covered: bool = False


class AllowRemoveIn(BaseModel):
    """Why an entry leaves the list."""

    model_config = _STRICT

    reason: _Words


class AllowRestoreIn(BaseModel):
    """Put an entry back. accept_covered: although it covers live signals of other parties."""

    model_config = _STRICT

    accept_covered: bool = False


class AllowlistAddedOut(BaseModel):
    """The result of adding entries, or of a dry run of it.

    created:   new entries; existing: values that the list had, which stay as they are.
    covered:   live signals of other parties that the new entries cover.
    protected: those of them that an authority or agency shares, or that two parties confirm.
    ids:       ids of the entries, in the order sent; empty after a dry run.
    errors:    rows that cannot be added; only after a dry run, as nothing is added otherwise.
    """

    created: int
    existing: int
    covered: int
    protected: int
    ids: list[UUID] = []
    errors: list[RowError] = []


class AllowEntryOut(BaseModel):
    """An entry of the list.

    value:   hex; of a url the digest of its canonical spelling, which is in url.
    matches: how often agents have met content that it covers, and that a signal matched.
    """

    id: UUID
    kind: Kind
    value: str
    url: str
    within_bits: int | None
    reach: Reach | None
    source: str
    source_url: str
    reason: str
    added_by: str
    added_at: AwareDatetime
    expires_at: AwareDatetime | None
    removed_by: str
    removed_at: AwareDatetime | None
    removed_reason: str
    matches: int


class AllowlistPage(BaseModel):
    """Entries, newest first. next: send it as `before` for the next page; None on the last."""

    entries: list[AllowEntryOut]
    next: UUID | None
    total: int


class AllowMatchCount(BaseModel):
    """How often an agent has met content of an entry, since the agent's first start."""

    model_config = _STRICT

    entry: UUID
    count: int = Field(ge=0, le=2**53)


class AllowMatchesIn(BaseModel):
    """All counts of an agent. They replace those that the agent sent before."""

    model_config = _STRICT

    counts: tuple[AllowMatchCount, ...] = Field(max_length=MAX_COUNTS)


def is_hex(text: str, *, digits: int) -> bool:
    """Whether a text is that many hex digits."""
    return len(text) == digits and not set(text.lower()) - set("0123456789abcdef")


class AllowedContent(BaseModel):
    """An entry as agents get it: content that must not lead to automatic action.

    value:       hex; of a url the digest of the expression that the entry covers.
    within_bits: pdq only: distance within which it covers a picture.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    kind: Kind
    value: str
    within_bits: int = 0
    reach: Reach | None = None
    reason: str
    source: str
    expires_at: AwareDatetime | None = None


class AllowlistManifest(BaseModel):
    """The whole list, as the hub signs it. changed_at: when the list last changed."""

    model_config = ConfigDict(frozen=True)

    format: Literal["stemtide-allowlist-1"] = "stemtide-allowlist-1"
    hub: UUID
    version: ListVersion
    changed_at: AwareDatetime
    entries: list[AllowedContent]
