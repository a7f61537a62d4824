# SPDX-License-Identifier: Apache-2.0
"""Messages of private matching: the epoch, blinded digests, and buckets of sealed rows."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.fingerprints.kinds import Kind

MAX_BLINDED = 500
"""Maximum blinded digests of one request: 80 ms of one core."""

MAX_BUCKETS = 16
"""Maximum buckets of one request: some 32,000 rows at first, 131,072 at most."""

MAX_PREFIX_BITS = 16

Element = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""An element of ristretto255 in lower-case hex (RFC 9496 section 4.3.2)."""

EpochNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]


class PrivateMatchOut(BaseModel):
    """What a client needs before it looks digests up.

    suite:       of RFC 9497, in mode VOPRF.
    public_key:  of the epoch, in hex. All parties get the same; it is in the ledger.
    prefix_bits: first bits of an output that name its bucket; there are 2^prefix_bits buckets.
    left_today:  digests that the party may still look up on this day (UTC).
    """

    epoch: EpochNumber
    suite: str
    public_key: str
    began_at: AwareDatetime
    prefix_bits: Annotated[int, Field(ge=0, le=MAX_PREFIX_BITS)]
    kinds: list[Kind]
    max_blinded: Annotated[int, Field(ge=1)]
    max_buckets: Annotated[int, Field(ge=1)]
    left_today: int


class BlindedIn(BaseModel):
    """Blinded digests, in an order that says nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epoch: EpochNumber
    blinded: Annotated[list[Element], Field(min_length=1, max_length=MAX_BLINDED)]


class EvaluatedOut(BaseModel):
    """The evaluated elements, in the order of the request, and one proof of all of them."""

    epoch: int
    evaluated: list[str]
    proof: str


class BucketsIn(BaseModel):
    """The numbers of buckets, each the first prefix_bits bits of an output."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epoch: EpochNumber
    buckets: Annotated[
        list[Annotated[int, Field(ge=0, lt=2**MAX_PREFIX_BITS)]],
        Field(min_length=1, max_length=MAX_BUCKETS),
    ]


class Bucket(BaseModel):
    """A bucket. rows: its sealed rows of 53 bytes each, one after the other, in base64."""

    bucket: int
    rows: str


class BucketsOut(BaseModel):
    """The buckets, in the order of the request."""

    epoch: int
    buckets: list[Bucket]
