# SPDX-License-Identifier: Apache-2.0
"""The words of re-checks, each once. docs/use/rechecks.md explains them."""

from enum import StrEnum


class Verdict(StrEnum):
    """What a visit to an address comes to. Unclear is an answer: it is never counted as gone."""

    GONE = "gone"
    THERE = "there"
    UNCLEAR = "unclear"


class Reason(StrEnum):
    """Why a visit came to its verdict: what was seen."""

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
    """What was asked of the provider: never one word for both."""

    REFERRAL = "referral"
    ORDER = "order"
