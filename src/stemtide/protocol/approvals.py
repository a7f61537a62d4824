# SPDX-License-Identifier: Apache-2.0
"""Messages about approvals: acts that wait for a second look by another person."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from stemtide.protocol.enums import ApprovalState
from stemtide.protocol.messages.signals import RowError, SignalIn
from stemtide.protocol.trust.second_look import WaitingAct, WaitReason, Who

_STRICT = ConfigDict(extra="forbid", frozen=True)

Note = Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)]


class ApproveIn(BaseModel):
    """Approve an act. count: how many things it does, as you saw it; the note is optional."""

    model_config = _STRICT

    count: int = Field(ge=1)
    note: Note = ""


class RefuseIn(BaseModel):
    """Refuse an act, or take back one of your own party's. The party that asked reads the note."""

    model_config = _STRICT

    note: Note = ""


class WaitingSignalOut(BaseModel):
    """A signal of a share that waits. id: the one that it gets if it is approved.

    notes: by reason, what was found about it, such as the entry of the allow-list that it meets.
    """

    id: UUID
    signal: SignalIn
    notes: dict[WaitReason, str]


class AffectedSignalOut(BaseModel):
    """A signal that a withdrawal or dispute is about. note: what the party said about it."""

    id: UUID
    note: str


class ApprovalOut(BaseModel):
    """An approval: an act that waits for a second look by another person, or that waited.

    reasons, why: why it waits, as names and in words. who: who may give the second look.
    by, ref, is_machine: who asked; ref for that party's own people only.
    count: how many things the act does, for example how many signals it shares.
    is_done: the act was done at once in a crisis, and ends unless somebody confirms it in time.
    signals: the first signals of a share. affected: the first that a withdrawal or dispute is
    about; while it waits, they count as disputed by the party that asked.
    not_done: rows that were refused when it was approved.
    may_decide: whether a person of your party may approve or refuse it.
    """

    id: UUID
    act: WaitingAct
    state: ApprovalState
    reasons: list[WaitReason]
    why: list[str]
    who: list[Who]
    by: str
    ref: str | None
    is_machine: bool
    crisis: UUID | None
    exercise: bool
    count: int
    is_done: bool
    at: AwareDatetime
    expires_at: AwareDatetime
    decided_by: str | None
    decided_at: AwareDatetime | None
    note: str
    signals: list[WaitingSignalOut] = []
    affected: list[AffectedSignalOut] = []
    not_done: list[RowError] = []
    may_decide: bool = False


class ApprovalPage(BaseModel):
    """Acts, newest first. next: the id to continue after; None at the end. waiting: in total."""

    approvals: list[ApprovalOut]
    next: UUID | None
    waiting: int
