# SPDX-License-Identifier: Apache-2.0
"""Rules for private matching: how long an epoch lasts, how large a bucket is, who may ask more."""

from datetime import UTC, datetime, time, timedelta
from math import log2

from stemtide.hub.platform.errors import ConflictError, InvalidError, RateLimitError, RefusalError
from stemtide.protocol.enums import Action
from stemtide.protocol.handling import PAP_ALLOWS, Pap
from stemtide.protocol.private_match.messages import MAX_PREFIX_BITS

EPOCH_LASTS = timedelta(days=7)
"""After so long the next key begins, and the rows that clients kept are worth nothing."""

OVERLAP = timedelta(hours=1)
"""For so long an epoch is answered after the next one began."""

WANTED_FOR = timedelta(days=7)
"""A hub evaluates for so long after a party last asked. Without parties it spends nothing."""

ROWS_OF_BUCKET = 1024
"""Least rows of an average bucket, over all parties. A bucket of fewer says more of a digest."""

CROWDED = 8
"""Times ROWS_OF_BUCKET: an average bucket of more rows ends the epoch early. Its bits are fixed."""

MOST_ROWS = 131_072
"""Rows of one answer: 16 crowded buckets, some 9 MB."""

MAX_A_DAY = 200_000
"""Digests that a party may look up on one day (UTC): a limit to guessing."""


class NotEvaluatedError(RefusalError):
    """The digests of an epoch are still evaluated."""


def prefix_bits(rows: int) -> int:
    """Return how many bits name a bucket, for so many rows."""
    return min(MAX_PREFIX_BITS, max(0, int(log2(max(1, rows) / ROWS_OF_BUCKET))))


def is_due(created_at: datetime, *, now: datetime) -> bool:
    """Whether an epoch is so old that the next one begins."""
    return now - created_at >= EPOCH_LASTS


def is_crowded(rows: int, *, bits: int) -> bool:
    """Whether the buckets of an epoch are so full that another one begins."""
    return rows > CROWDED * ROWS_OF_BUCKET * 2**bits and bits < MAX_PREFIX_BITS


def is_over(next_began_at: datetime, *, now: datetime) -> bool:
    """Whether an epoch ends, after the next one began."""
    return now - next_began_at >= OVERLAP


def strongest_action(pap: Pap, *, is_disputed: bool, flood: str) -> Action:
    """Return what a match may lead to by itself: as at an agent, in what a row can say."""
    allowed = PAP_ALLOWS[pap]
    is_limited = is_disputed or flood == "lowered"
    return Action.HOLD if is_limited and allowed is Action.BLOCK else allowed


def check_epoch(number: int, *, usable: dict[int, int]) -> None:
    """Refuse an epoch that is not in use. usable: prefix_bits by number."""
    if number not in usable:
        raise ConflictError(
            "epoch {number} is not in use: read GET /api/v1/private-match, and blind anew for the"
            " epoch that it names",
            number=number,
        )


def check_buckets(buckets: list[int], *, bits: int) -> None:
    """Refuse numbers of buckets that the epoch does not have, and a bucket that is asked twice."""
    if len(set(buckets)) < len(buckets):
        raise InvalidError("buckets", "name a bucket twice: send each number once")
    if max(buckets) >= 2**bits:
        raise InvalidError(
            "buckets",
            "there are {most} buckets in this epoch, from 0 on: read prefix_bits of GET"
            " /api/v1/private-match",
            most=2**bits,
        )


def check_rows(count: int) -> None:
    """Refuse an answer of more rows than one may have. raises: NotEvaluatedError."""
    if count > MOST_ROWS:
        raise NotEvaluatedError(
            "so many signals came that the buckets are too large: ask again in some minutes, when"
            " the hub has an epoch of smaller ones"
        )


def check_spend(count: int, *, spent: int, now: datetime) -> None:
    """Refuse more digests on a day than one party may look up."""
    if spent + count > MAX_A_DAY:
        raise RateLimitError(
            "your party looked up {spent:,} digests today and may look up {most:,}: go on tomorrow"
            " (UTC), or run an agent",
            retry_after_s=_rest_of_day_s(now),
            spent=spent,
            most=MAX_A_DAY,
        )


def _rest_of_day_s(now: datetime) -> int:
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return max(1, int((tomorrow - now).total_seconds()))
