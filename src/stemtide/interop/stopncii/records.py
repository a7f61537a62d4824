# SPDX-License-Identifier: Apache-2.0
"""Messages in StopNCII's format, which tx, HMA and Coop can use with a hub unchanged.

The format has no fields for handling marks, expiry or reach. They are in tags of feedbacks, such
as "label:livestream"; signals whose marks do not allow this format are left out: decision 0063.

source: the client in threatexchange 1.2, and what it does with odd answers.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.enums import Action, Opinion
from stemtide.protocol.handling import PAP_ALLOWS, Pap
from stemtide.protocol.labels import RefusedLabelError, refused_label
from stemtide.protocol.messages.signals import MAX_BULK, MAX_URL_CHARS, RowError

PREFIX = "StopNCIISignalType."
"""Prefix of signal types in the library's requests."""

FIRST_START_S = 10
"""Start time of a client that has no records yet."""

MAX_RECORDS = 1000
"""Maximum records of a page, also if a client asks for more."""

MAX_FEEDBACKS = 1000
"""Maximum feedbacks of a message."""

MAX_TAGS = 64
SURE, UNSURE = 80, 50
"""Confidence of a hash that its sender blocks, and of any other."""

KIND_OF = {"ImagePDQ": Kind.PDQ, "VideoMD5": Kind.MD5, "URL": Kind.URL}
"""Our kind for each supported signal type."""

TYPE_OF = {kind: name for name, kind in KIND_OF.items()}
"""Signal type for each kind: the inverse of KIND_OF."""


class Status(StrEnum):
    """Status of a record or of one of its cases."""

    ACTIVE = "Active"
    WITHDRAWN = "Withdrawn"


class Feedback(StrEnum):
    """A party's judgement of a record."""

    UNKNOWN = "Unknown"
    NONE = "None"
    QUALITY_UNKNOWN = "QualityUnknown"
    PENDING_REVIEW = "PendingReview"
    BLOCKED = "Blocked"
    NOT_BLOCKED = "NotBlocked"
    WITHDRAWN = "Withdrawn"
    DELETED = "Deleted"


WITHDRAWALS = frozenset({Feedback.WITHDRAWN, Feedback.DELETED})
"""Feedback that withdraws a shared hash."""

FEEDBACK_OF = {
    Opinion.AGREE: Feedback.BLOCKED,
    Opinion.DISPUTE: Feedback.NOT_BLOCKED,
    Opinion.SEEN: Feedback.PENDING_REVIEW,
}
OPINION_OF = {
    **dict.fromkeys(set(Feedback) - WITHDRAWALS, Opinion.SEEN),
    Feedback.BLOCKED: Opinion.AGREE,
    Feedback.NOT_BLOCKED: Opinion.DISPUTE,
}


class UnknownTypeError(ValueError):
    """A hub does not accept this signal type; other records of the message may be accepted."""


class FeedbackOut(BaseModel):
    """The feedback of a party on a record. source: the party's name."""

    source: str
    feedbackValue: Feedback  # noqa: N815  # the names of the wire
    tags: list[str]


class RecordOut(BaseModel):
    """Everything that a reader may know about a value. It replaces any earlier record."""

    lastModtimestamp: int  # noqa: N815
    signalType: str  # noqa: N815
    hashValue: str  # noqa: N815
    hashStatus: Status  # noqa: N815
    caseNumbers: dict[str, Status]  # noqa: N815
    CSPFeedbacks: list[FeedbackOut]


class PageOut(BaseModel):
    """A page of records. Times are in whole seconds."""

    count: int
    nextPageToken: str | None  # noqa: N815
    nextSetTimestamp: int  # noqa: N815
    hasMoreRecords: bool  # noqa: N815
    hashRecords: list[RecordOut]  # noqa: N815


class _ClientMessage(BaseModel):
    """A message from a client; unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class FeedbackIn(_ClientMessage):
    """A feedback, without the value that it is about."""

    feedbackValue: Feedback = Feedback.BLOCKED  # noqa: N815
    tags: tuple[str, ...] = Field(default=(), max_length=MAX_TAGS)

    @field_validator("tags")
    @classmethod
    def _check_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse tags of content that belongs to another channel, and tags that are too long."""
        for tag in tags:
            if refused := refused_label(tag.rpartition(":")[2]) or refused_label(tag):
                raise RefusedLabelError(
                    f"{refused.title} is never stored here: {refused.refuse_to}"
                )
            if len(tag) > 200:  # noqa: PLR2004  # no name of ours is half as long
                raise ValueError("a tag has at most 200 characters: shorten it")
        return tags


class RecordIn(_ClientMessage):
    """A hash that a client submits."""

    signalType: str = Field(min_length=1, max_length=60)  # noqa: N815
    hashValue: str = Field(min_length=1, max_length=MAX_URL_CHARS)  # noqa: N815
    CSPFeedbacks: tuple[FeedbackIn, ...] = Field(default=(), max_length=1)


class RecordsIn(_ClientMessage):
    """The body of SubmitHashes: all are shared or none, except unsupported types."""

    hashRecords: tuple[Any, ...] = Field(min_length=1, max_length=MAX_BULK)  # noqa: N815


class ValueFeedbackIn(FeedbackIn):
    """The feedback of a client on a value of any type."""

    hashValue: str = Field(min_length=1, max_length=MAX_URL_CHARS)  # noqa: N815


class FeedbacksIn(_ClientMessage):
    """The body of SubmitFeedback."""

    hashFeedbacks: tuple[ValueFeedbackIn, ...] = Field(min_length=1, max_length=MAX_FEEDBACKS)  # noqa: N815


class SubmittedOut(BaseModel):
    """The result of submitted hashes.

    waiting: new signals that wait for a second look, which created does not count.
    signals: ids in the order sent; None for a hash of an unsupported type (see errors).
    """

    count: int
    created: int
    existing: int
    waiting: int
    refused: int
    signals: list[str | None]
    errors: list[RowError]


class AcceptedOut(BaseModel):
    """The number of accepted feedbacks, and the values without a live signal."""

    count: int
    unknown: list[str]


def feedback_of_sharer(pap: Pap) -> Feedback:
    """Return the sharer's feedback: Blocked, unless the PAP mark forbids automatic blocking."""
    return Feedback.BLOCKED if PAP_ALLOWS[pap] is Action.BLOCK else Feedback.PENDING_REVIEW


_SINGLE_TAGS = (
    "severity",
    "tlp",
    "pap",
    "provenance",
    "ideology",
    "entity",
    "language",
    "crisis",
    "confidence",
)
_LIST_TAGS = {"label": "labels", "audience": "audience", "via": "via", "hub": "via"}
_NUMBERS = {"confidence"}
_HUBS = {"via", "hub"}


def signal_of(record: RecordIn) -> dict[str, object]:
    """Return the fields of a signal from a submitted hash and its tags.

    labels and severity have defaults.
    raises: UnknownTypeError; ValueError for a hash that its sender does not block.
    """
    name = record.signalType.removeprefix(PREFIX)
    if name not in KIND_OF:
        raise UnknownTypeError(
            f"signalType: a {name[:40]} cannot be kept here: send one of {', '.join(KIND_OF)}, or"
            " share it by the hub's API"
        )
    feedback = record.CSPFeedbacks[0] if record.CSPFeedbacks else FeedbackIn()
    if feedback.feedbackValue is Feedback.NOT_BLOCKED or feedback.feedbackValue in WITHDRAWALS:
        raise ValueError(
            f"CSPFeedbacks: a hash that is {feedback.feedbackValue} is not shared: say that of a"
            " hash that is there with SubmitFeedback"
        )
    is_sure = feedback.feedbackValue is Feedback.BLOCKED and record.CSPFeedbacks
    return {
        "kind": KIND_OF[name],
        "value": record.hashValue,
        "labels": ("perpetrator-content",),
        "severity": "medium",
        "confidence": SURE if is_sure else UNSURE,
        **_read_tags(feedback.tags),
    }


def _read_tags(tags: Iterable[str]) -> Mapping[str, object]:
    """Return the fields that tags set; unknown tags are ignored."""
    fields: dict[str, Any] = {}
    for tag in tags:
        name, _, value = tag.partition(":")
        if name in _HUBS and not _is_uuid(value):
            continue  # a foreign tag of the same name
        if name in _LIST_TAGS:
            fields[_LIST_TAGS[name]] = (*fields.get(_LIST_TAGS[name], ()), value)
        elif name in _SINGLE_TAGS:
            fields[name] = int(value) if name in _NUMBERS and value.isdigit() else value
    return fields


def _is_uuid(text: str) -> bool:
    """Whether a text is a UUID in the canonical spelling."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
