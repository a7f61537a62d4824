# SPDX-License-Identifier: Apache-2.0
"""The signed file of the hub's allow-list, which agents keep."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Reach

ListVersion = Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")]
"""Name of a version of the list, in no order; "" while a hub never had an entry."""


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
