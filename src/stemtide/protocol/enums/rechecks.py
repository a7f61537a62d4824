# SPDX-License-Identifier: Apache-2.0
"""Enums of re-checks. docs/use/rechecks.md explains the terms."""

from enum import StrEnum


class Verdict(StrEnum):
    """Verdict of a visit to a URL. Unclear is a result of its own, never counted as gone."""

    GONE = "gone"
    THERE = "there"
    UNCLEAR = "unclear"


class Reason(StrEnum):
    """Observation that led to the verdict of a visit."""

    SAYS_GONE = "says_gone"
    ANSWERS = "answers"
    SAYS_REMOVED = "says_removed"
    ANSWERS_ANYTHING = "answers_anything"
    LED_ELSEWHERE = "led_elsewhere"
    CLOSED = "closed"
    PACKED = "packed"
    BUSY = "busy"
    OTHER_STATUS = "other_status"
    TIMED_OUT = "timed_out"
    NO_CONNECTION = "no_connection"
    BROKEN_OFF = "broken_off"
    TOO_MANY_HOPS = "too_many_hops"
    REFUSED = "refused"
    EXERCISE = "exercise"


class RequestKind(StrEnum):
    """Kind of request to the provider, kept apart everywhere."""

    REFERRAL = "referral"
    ORDER = "order"
