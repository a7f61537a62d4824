# SPDX-License-Identifier: Apache-2.0
"""Messages about API keys: the key that replaces another one."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from stemtide.protocol.enums import Scope
from stemtide.protocol.key_files import MAX_OVERLAP_HOURS, OVERLAP_HOURS


class KeyReplaceIn(BaseModel):
    """Replace the key that sends this. overlap_hours: how long the old key goes on.

    A program cannot end its own key at once: who copied the key could stop its owner so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    overlap_hours: int = Field(default=OVERLAP_HOURS, ge=OVERLAP_HOURS, le=MAX_OVERLAP_HOURS)


class KeyReplacedOut(BaseModel):
    """A key in place of another one. key: its text, which is shown here only.

    key_prefix: of the new key. expires_at: when it expires; None for never.
    old, old_expires_at: the prefix of the old key, and when it expires.
    """

    key: str
    key_prefix: str
    name: str
    scopes: list[Scope]
    expires_at: datetime | None
    old: str
    old_expires_at: datetime
