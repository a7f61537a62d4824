# SPDX-License-Identifier: Apache-2.0
"""Messages from a witness of the transparency log to the hub."""

from pydantic import BaseModel, ConfigDict, Field


class CosignatureIn(BaseModel):
    """The cosignature of a head that the hub offered to its witnesses.

    key: the witness's verifier key. Its name begins with the party and a slash, as in
    "forum/agent-1". size: of the head. line: the line of signature (C2SP, tlog-cosignature).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = Field(max_length=300)
    size: int = Field(ge=0, le=2**63 - 1)
    line: str = Field(max_length=600)
