# SPDX-License-Identifier: Apache-2.0
"""Requests of data subjects: which law and right, and what became of them."""

from enum import StrEnum


class DataLaw(StrEnum):
    """A law on data protection that binds a party."""

    GDPR = "gdpr"
    LED = "led"
    EUROPOL = "europol"


class DataRight(StrEnum):
    """A right that a data subject uses."""

    ACCESS = "access"
    RECTIFICATION = "rectification"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    OBJECTION = "objection"


class RightsState(StrEnum):
    """State of a request. The moves between states are in law/machines/rights_request.toml."""

    OPEN = "open"
    EXTENDED = "extended"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"


class RightsOutcome(StrEnum):
    """The answer to a request."""

    GRANTED = "granted"
    PARTLY = "partly"
    REFUSED = "refused"
    NO_DATA = "no_data"


class ExtensionReason(StrEnum):
    """Reason for more time. source: Regulation (EU) 2016/679 Art. 12(3)."""

    COMPLEXITY = "complexity"
    NUMBER = "number"
