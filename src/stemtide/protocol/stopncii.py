# SPDX-License-Identifier: Apache-2.0
"""Records as StopNCII's clients read and send them: tx, HMA and Coop follow a hub unchanged.

The shape has no place for handling marks, expiry or reach. What it cannot say is in the tags of
feedbacks, "label:livestream"; a signal that it would betray is not given: decision 0063.

source: the client in threatexchange 1.2, and what it does with odd answers.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stemtide.fingerprints.kinds import Kind
from stemtide.protocol.handling import PAP_ALLOWS, Pap
from stemtide.protocol.labels import RefusedLabelError, refused_label
from stemtide.protocol.signals import MAX_BULK, MAX_URL_CHARS, RowError
from stemtide.protocol.words import Action, Opinion

PREFIX = "StopNCIISignalType."
"""Stands before signal types that the library sends."""

FIRST_START_S = 10
"""The time that a client which has nothing asks from."""

MAX_RECORDS = 1000
"""Records in one page; a client that asks for more gets so many."""

MAX_FEEDBACKS = 1000
"""Feedbacks in one message."""

MAX_TAGS = 64
SURE, UNSURE = 80, 50
"""The confidence of a hash that its sender blocks, and of one that it does not say so of."""

KIND_OF = {"ImagePDQ": Kind.PDQ, "VideoMD5": Kind.MD5, "URL": Kind.URL}
"""Signal types that are kinds of ours."""

TYPE_OF = {kind: name for name, kind in KIND_OF.items()}
"""The other way round."""


class Status(StrEnum):
    """How a record, or one of its cases, stands."""

    ACTIVE = "Active"
    WITHDRAWN = "Withdrawn"


class Feedback(StrEnum):
    """What somebody says of a record."""

    UNKNOWN = "Unknown"
    NONE = "None"
    QUALITY_UNKNOWN = "QualityUnknown"
    PENDING_REVIEW = "PendingReview"
    BLOCKED = "Blocked"
    NOT_BLOCKED = "NotBlocked"
    WITHDRAWN = "Withdrawn"
    DELETED = "Deleted"


TAKES_BACK = frozenset({Feedback.WITHDRAWN, Feedback.DELETED})
"""Feedback by which somebody takes back what they shared."""

FEEDBACK_OF = {
    Opinion.AGREE: Feedback.BLOCKED,
    Opinion.DISPUTE: Feedback.NOT_BLOCKED,
    Opinion.SEEN: Feedback.PENDING_REVIEW,
}
OPINION_OF = {
    **dict.fromkeys(set(Feedback) - TAKES_BACK, Opinion.SEEN),
    Feedback.BLOCKED: Opinion.AGREE,
    Feedback.NOT_BLOCKED: Opinion.DISPUTE,
}


class UnknownTypeError(ValueError):
    """A signal type that a hub does not take. The others of its message can be taken."""


class FeedbackOut(BaseModel):
    """What one party says of a record. source: its name."""

    source: str
    feedbackValue: Feedback  # noqa: N815  # the names of the wire
    tags: list[str]


class RecordOut(BaseModel):
    """All that a reader may know of one value. It replaces what the reader had of it."""

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


class _In(BaseModel):
    """What clients send; fields that we do not know are their own affair."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class FeedbackIn(_In):
    """A feedback without the value it is about."""

    feedbackValue: Feedback = Feedback.BLOCKED  # noqa: N815
    tags: tuple[str, ...] = Field(default=(), max_length=MAX_TAGS)

    @field_validator("tags")
    @classmethod
    def _are_for_us(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse tags that name content which belongs to another channel, or run too long."""
        for tag in tags:
            if refused := refused_label(tag.rpartition(":")[2]) or refused_label(tag):
                raise RefusedLabelError(
                    f"{refused.title} is never stored here: {refused.refuse_to}"
                )
            if len(tag) > 200:  # noqa: PLR2004  # no name of ours is half as long
                raise ValueError("a tag has at most 200 characters: shorten it")
        return tags


class RecordIn(_In):
    """A hash that a client submits."""

    signalType: str = Field(min_length=1, max_length=60)  # noqa: N815
    hashValue: str = Field(min_length=1, max_length=MAX_URL_CHARS)  # noqa: N815
    CSPFeedbacks: tuple[FeedbackIn, ...] = Field(default=(), max_length=1)


class RecordsIn(_In):
    """SubmitHashes: all are shared or none; records of types that hubs do not take are left out."""

    hashRecords: tuple[Any, ...] = Field(min_length=1, max_length=MAX_BULK)  # noqa: N815


class AnsweredIn(FeedbackIn):
    """What a client says of a value, whatever its type."""

    hashValue: str = Field(min_length=1, max_length=MAX_URL_CHARS)  # noqa: N815


class FeedbacksIn(_In):
    """SubmitFeedback."""

    hashFeedbacks: tuple[AnsweredIn, ...] = Field(min_length=1, max_length=MAX_FEEDBACKS)  # noqa: N815


class SubmittedOut(BaseModel):
    """What became of submitted hashes.

    signals: ids in the order sent; None for a hash of a type that hubs do not take (see errors).
    """

    count: int
    created: int
    existing: int
    refused: int
    signals: list[str | None]
    errors: list[RowError]


class AcceptedOut(BaseModel):
    """How many feedbacks were taken, and for which values there is nothing that still matches."""

    count: int
    unknown: list[str]


def feedback_of_sharer(pap: Pap) -> Feedback:
    """What sharing says: block it, unless the mark forbids that it happens by itself."""
    return Feedback.BLOCKED if PAP_ALLOWS[pap] is Action.BLOCK else Feedback.PENDING_REVIEW


_ONE = ("severity", "tlp", "pap", "provenance", "ideology", "entity", "crisis", "confidence")
_MANY = {"label": "labels", "audience": "audience", "via": "via", "hub": "via"}
_NUMBERS = {"confidence"}
_HUBS = {"via", "hub"}


def signal_of(record: RecordIn) -> dict[str, object]:
    """A submitted hash as a signal's fields, its tags read; labels and severity as if unsaid.

    raises: UnknownTypeError; ValueError for a hash that its sender does not block.
    """
    name = record.signalType.removeprefix(PREFIX)
    if name not in KIND_OF:
        raise UnknownTypeError(
            f"signalType: a {name[:40]} cannot be kept here: send one of {', '.join(KIND_OF)}, or"
            " share it by the hub's API"
        )
    said = record.CSPFeedbacks[0] if record.CSPFeedbacks else FeedbackIn()
    if said.feedbackValue is Feedback.NOT_BLOCKED or said.feedbackValue in TAKES_BACK:
        raise ValueError(
            f"CSPFeedbacks: a hash that is {said.feedbackValue} is not shared: say that of a"
            " hash that is there with SubmitFeedback"
        )
    is_sure = said.feedbackValue is Feedback.BLOCKED and record.CSPFeedbacks
    return {
        "kind": KIND_OF[name],
        "value": record.hashValue,
        "labels": ("perpetrator-content",),
        "severity": "medium",
        "confidence": SURE if is_sure else UNSURE,
        **_read_tags(said.tags),
    }


def _read_tags(tags: Iterable[str]) -> Mapping[str, object]:
    """The fields that tags name; the others say nothing to us."""
    found: dict[str, Any] = {}
    for tag in tags:
        name, _, value = tag.partition(":")
        if name in _HUBS and not _is_uuid(value):
            continue  # somebody else's word for something else
        if name in _MANY:
            found[_MANY[name]] = (*found.get(_MANY[name], ()), value)
        elif name in _ONE:
            found[name] = int(value) if name in _NUMBERS and value.isdigit() else value
    return found


def _is_uuid(text: str) -> bool:
    """Whether a text is the id of a hub."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
