# SPDX-License-Identifier: Apache-2.0
"""Categories in records of processing activities."""

from enum import StrEnum


class SubjectCategory(StrEnum):
    """A category of data subjects."""

    UPLOADER = "uploader"
    DEPICTED = "depicted"
    SUSPECT = "suspect"
    ENDANGERED = "endangered"
    OFFICER = "officer"
    REQUESTER = "requester"


class DataCategory(StrEnum):
    """A category of personal data."""

    FINGERPRINT = "fingerprint"
    ADDRESS = "address"
    MARKS = "marks"
    TEXT = "text"
    DECISION = "decision"
    CONTACT = "contact"
    PICTURE = "picture"
    REFERENCE = "reference"


class SecurityMeasure(StrEnum):
    """A technical or organisational measure of the hub."""

    ROLES = "roles"
    SECOND_FACTOR = "second_factor"
    TRANSPORT = "transport"
    LEDGER = "ledger"
    ERASURE = "erasure"
    ENCRYPTION = "encryption"
    HANDLING = "handling"
    READING = "reading"
    WARNING = "warning"
