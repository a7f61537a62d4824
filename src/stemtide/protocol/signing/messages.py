# SPDX-License-Identifier: Apache-2.0
"""Messages about the keys with which parties sign signals."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

KeyText = Annotated[str, Field(min_length=1, max_length=140)]
"""A verifier key, such as "be-ctu+530d903a+AekyeRrm…"."""

_STRICT = ConfigDict(extra="forbid", frozen=True)


class KeyEnd(StrEnum):
    """Why a signing key ended."""

    REPLACED = "replaced"
    REVOKED = "revoked"


class SigningKeyIn(BaseModel):
    """A public key with which your party signs signals. replaces: the key that ends with this."""

    model_config = _STRICT

    key: KeyText
    replaces: KeyText | None = None


class SigningKeyRevokeIn(BaseModel):
    """Revoke a key of your party."""

    model_config = _STRICT

    key: KeyText


class SigningKeyOut(BaseModel):
    """A public key of a party. end, ended_at: why and when it ended; None while it is valid."""

    party: str
    key: str
    added_at: datetime
    ended_at: datetime | None
    end: KeyEnd | None
