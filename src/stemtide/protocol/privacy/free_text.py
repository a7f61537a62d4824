# SPDX-License-Identifier: Apache-2.0
"""The fields of messages in which people write, and the check of them for personal data.

Every door asks here: the API for bodies, the desk for forms. Whoever needs the data says so: with
INSIST_HEADER at the API, with a tick at the desk. Decision 0202.

A field of a message that has no closed format is in one of the two tables; a test compares them
with the API.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pydantic import BaseModel

from stemtide.protocol.privacy.personal import PersonalSpan, describe_spans, find_personal

INSIST_HEADER = "Stemtide-Insist"
"""Header of a request that contains personal data on purpose."""

INSIST = "personal-data"
"""Its value."""

WHOLE_TEXT: tuple[str, ...] = ()
"""The field is checked as a whole, and not only some keys of it."""

_MENTION = re.compile(r"(?<![\w@#/])@(?:role|party|person):[\w.+'@-]*\w")
"""A mention in a situation log: the hub keeps a token in its place. Decision 0139."""

_ANNEX = ("reasons", "emergency_reasons")

FREE_TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("ActionIn.text", "AllowEntryIn.reason", "AllowEntryIn.source"),
                *("AllowRemoveIn.reason", "AnswerIn.note", "AnswerIn.question"),
                *("AppealDecisionIn.text", "AssessIn.reason", "AssessIn.terms", "BatchIn.name"),
                *("CarriedOutIn.outcome", "CheckIn.evidence", "CloseIn.reason"),
                *("ComplaintOutcomeIn.note", "ComplaintOutcomeIn.reasons", "ContextIn.context"),
                *("DigestsIn.reason", "DismissIn.reason", "DismissalAnswerIn.text"),
                *("DisputeAnswerIn.text", "DraftIn.despite", "DraftIn.emergency", "DropIn.note"),
                *("DsaVersionIn.change", "GroupIn.reason", "HoldIn.case_reference"),
                *("InformIn.text", "InviteIn.reason", "KeepIn.reason", "LegalHoldIn.reason"),
                *("LiftIn.reason", "LinkIn.reason", "MeasureIn.insufficient", "MeasureIn.measure"),
                *("MessageIn.text", "NoteIn.text", "ObservationIn.text", "OpinionIn.note"),
                *("OptionalReasonIn.reason", "OrderIn.despite", "OrderIn.emergency"),
                *("OrderReasonIn.text", "ProposalIn.reason", "PublicStatementIn.texts"),
                *("QuestionAnswerIn.text", "QuestionIn.text", "ReasonIn.reason"),
                *("RedressIn.reason", "RefuseIn.note", "ReinstateIn.note"),
                *("RetentionChangeIn.reason", "RoleGiveIn.note", "RunawayDecisionIn.reason"),
                *("ScrutinyIn.reasons", "SecrecyIn.reason", "SectionIn.text"),
                *("SendIn.despite", "SendIn.override", "SetAsideIn.reason", "StandingIn.reason"),
                *("SuspensionIn.reason", "SuspensionReasonIn.reason", "TakeBackIn.note"),
                *("TaskIn.title", "TriageIn.reason", "VoteIn.note", "WarningIn.name"),
                *("WarningIn.summary", "WithdrawAllIn.note", "WithdrawIn.note"),
                "YearlyVersionIn.change",
            ),
            WHOLE_TEXT,
        ),
        "DraftIn.annex": _ANNEX,
        "EnterIn.annex": _ANNEX,
        "OrderIn.annex": _ANNEX,
        "OrderAnswerIn.annex": ("explanation", "errors", "missing"),
    }
)
"""Fields that are checked, as Message.field; of an object only these keys, or all."""

_NAME = "a name of this hub, which is looked up and refused if it is unknown"
_CONTENT = "the content itself, or where it is"
_LEAD = "a lead is the place for personal data: who is in danger, or dangerous; a stop costs time"
_COMPUTED = "a number that a program computed"
_CONTACT = "how to reach an officer on duty"
_FILE = "the file number of a court, an authority or a provider"
_OFFICE = "the law asks which court, body or reviewer acts"
_ROW = "each row of a batch is refused by itself, so that the others go on"
_REPORT = "a public report, in which personal data are refused without exception"
_SCENARIO = "from the scenario of an exercise, in which everybody is invented"
_MACHINE = "written by a program, and no text of a person"
_FORM = "a code, a version or a number in a list"

OTHER_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("ActionIn.owner", "AdoptIn.label", "AdoptIn.shared_by", "AssessIn.ideology"),
                *("AssessIn.labels", "AssessIn.provider", "DraftIn.ideology", "EnterIn.ideology"),
                *("EnterIn.issuer", "EnterIn.to", "InformIn.to", "InviteIn.parties"),
                *("LeadPassIn.to", "MessageIn.audience", "ObservationIn.member"),
                *("OrderIn.ideology", "OrderIn.to", "PartyIn.party", "PreviewIn.labels"),
                *("RoleGiveIn.to", "RunIn.people", "RunIn.scenario", "RunNewsIn.kind"),
                *("RunNewsIn.to", "SearchIn.provider", "SignalIn.audience", "SignalIn.entity"),
                *("SignalIn.ideology", "SignalIn.labels", "TaskIn.owner", "UnadoptIn.label"),
                *("UnadoptIn.shared_by", "WarningIn.framework", "WarningIn.invite"),
                *("WebhookChangeIn.event_types", "WebhookIn.event_types", "WebhookIn.url"),
            ),
            _NAME,
        ),
        **dict.fromkeys(
            (
                *("AllowEntryIn.value", "AssessIn.url", "HoldIn.url", "LocalFeaturesIn.value"),
                *("PreviewIn.excerpt", "PreviewIn.still", "SearchIn.url", "SignalIn.value"),
                *("WarningIn.event_refs",),
            ),
            _CONTENT,
        ),
        **dict.fromkeys(
            (
                *("LeadIn.address", "LeadIn.callback", "LeadIn.country", "LeadIn.facts"),
                *("LeadIn.locate", "LeadIn.reasons", "LeadIn.to"),
            ),
            _LEAD,
        ),
        **dict.fromkeys(("HoldIn.contact", "OutsideIssuer.contact"), _CONTACT),
        **dict.fromkeys(
            (
                *("BlindedIn.blinded", "SignalIn.signature", "SigningKeyIn.key"),
                *("SigningKeyIn.replaces", "SigningKeyRevokeIn.key"),
            ),
            _COMPUTED,
        ),
        **dict.fromkeys(
            (
                *("AccessIn.reference", "AcknowledgeIn.reference", "AnswerIn.reference"),
                *("AppealIn.reference", "EnterIn.reference", "LongerPreservationIn.production"),
                *("LongerPreservationIn.reference", "NeighbourIn.reference"),
                *("PreservationIn.reference", "PreserveIn.reference"),
            ),
            _FILE,
        ),
        **dict.fromkeys(
            (
                *("AccessIn.who", "AppealIn.body", "OutsideIssuer.name"),
                *("PreservationIn.authority", "PreservationIn.law", "PreserveIn.court"),
                *("PreserveIn.reason", "PreserveIn.reviewed_by"),
            ),
            _OFFICE,
        ),
        **dict.fromkeys(
            (
                *("BatchRowIn.content_type", "BatchRowIn.ideology", "BatchRowIn.labels"),
                *("BatchRowIn.language", "BatchRowIn.provider", "BatchRowIn.reason"),
                *("BatchRowIn.terms", "BatchRowIn.url"),
            ),
            _ROW,
        ),
        **dict.fromkeys(
            (
                *("CellIn.column", "CellIn.other", "CellIn.row", "CellIn.scope"),
                *("CellIn.sheet", "CellIn.value", "ReportForm.complete"),
                *("ReportForm.impossible", "ReportForm.provider", "ReportForm.restrictions"),
                *("ReportForm.service", "YearlyLineIn.text"),
            ),
            _REPORT,
        ),
        **dict.fromkeys(
            (
                *("RunNewsIn.text", "RunObjectiveIn.bounds", "RunObjectiveIn.text"),
                *("RunObjectiveIn.value", "RunStepIn.act", "RunStepIn.by", "RunStepIn.name"),
                "RunStepIn.note",
            ),
            _SCENARIO,
        ),
        **dict.fromkeys(
            (
                *("AgentStatusIn.version", "CosignatureIn.key", "CosignatureIn.line"),
                *("DraftIn.language", "EnterIn.language", "OrderIn.language"),
                *("NeighbourIn.framework", "NeighbourIn.type", "NeighbourIn.version"),
            ),
            _FORM,
        ),
        "ComplaintIn.text": "an uploader's own words, encrypted, for the provider that decides; the"
        " page on which uploaders write warns them",
        "TitleIn.title": "it travels to every party with the signal: personal data are"
        " refused without exception",
    }
)
"""Other fields without a closed format, each with the reason why it is not checked."""


def free_texts(message: BaseModel, *, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts in which a person wrote, each with its place, such as "rows.2.note"."""
    for name in type(message).model_fields:
        place = f"{path}{name}"
        keys = FREE_TEXTS.get(f"{type(message).__name__}.{name}")
        yield from _texts(getattr(message, name), place=place, keys=keys)


def find_in_message(message: BaseModel) -> dict[str, tuple[PersonalSpan, ...]]:
    """Return what looks like personal data in the free texts of a message, by place."""
    spans_by_place = {place: find_written(text) for place, text in free_texts(message)}
    return {place: spans for place, spans in spans_by_place.items() if spans}


def find_written(text: str) -> tuple[PersonalSpan, ...]:
    """Return what looks like personal data in a text, but for mentions that the hub reads."""
    return find_personal(_MENTION.sub(lambda match: " " * len(match[0]), text))


def describe_refusal(spans: tuple[PersonalSpan, ...]) -> str:
    """Describe to a program what was found, and what it can do. It never repeats the data."""
    return (
        f"looks like personal data ({describe_spans(spans)}): remove it; or, if it is needed, send"
        f" the header {INSIST_HEADER}: {INSIST}"
    )


def _texts(value: object, *, place: str, keys: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    """Yield the texts of a field. keys: of an object; None if the field itself is not checked."""
    if isinstance(value, BaseModel):
        yield from free_texts(value, path=f"{place}.")
    elif isinstance(value, tuple | list):
        for number, inner in enumerate(value):
            yield from _texts(inner, place=f"{place}.{number}", keys=keys)
    elif isinstance(value, dict):
        for key, inner in value.items():
            inside = keys if keys is None or not keys or key in keys else None
            yield from _texts(inner, place=f"{place}.{key}", keys=inside)
    elif isinstance(value, str) and keys is not None:
        yield place, value
