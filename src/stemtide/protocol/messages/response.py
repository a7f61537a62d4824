# SPDX-License-Identifier: Apache-2.0
"""Messages about the response to a crisis: who holds which role, and what is to do."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.protocol.enums.response import ResponseRole, TaskLinkKind, TaskState

_STRICT = ConfigDict(extra="forbid", frozen=True)

MAX_NOTE = 500
"""Maximum characters of the note with which a role is handed over."""


class RoleGiveIn(BaseModel):
    """Give a role, or hand it over.

    to: the mail address of a person of your own party, or the name of another party in the room: a
        person of that party accepts.
    """

    model_config = _STRICT

    to: str = Field(min_length=1, max_length=254)
    note: str = Field(default="", max_length=MAX_NOTE)


class RoleOut(BaseModel):
    """A role of the response, and who holds it.

    party:   of the holder; None if the role is open. holder: the person's name as the room reads
             it; "" if they have entered none.
    ref:     the person, as the ledger names them; shown to their own party only.
    note:    of the person who gave or handed over the role.
    offered_to: the party that is asked to take the role; None if none is. offer_note: of the offer.
    """

    role: ResponseRole
    party: str | None = None
    holder: str = ""
    ref: str | None = None
    since: AwareDatetime | None = None
    note: str = ""
    offered_to: str | None = None
    offered_by: str | None = None
    offered_at: AwareDatetime | None = None
    offer_note: str = ""


class TaskLink(BaseModel):
    """What a task is about. id: of a cluster the id of its first signal."""

    model_config = _STRICT

    kind: TaskLinkKind
    id: UUID


class TaskIn(BaseModel):
    """A task in the response to a crisis.

    owner: role:lead, or another role; the name of a party in the room; the mail address of a person
           of your own party; "" for your own party.
    link:  what it is about; your party must be able to see it.
    """

    model_config = _STRICT

    title: str = Field(min_length=1, max_length=200)
    due_at: AwareDatetime
    owner: str = Field(default="", max_length=254)
    link: TaskLink | None = None


class TaskMoveIn(BaseModel):
    """Change the state of a task: done, dropped, or open again."""

    model_config = _STRICT

    state: TaskState


class TaskLinkOut(BaseModel):
    """What a task is about, for parties that may see it. title: its reference, if it has one."""

    kind: TaskLinkKind
    id: UUID
    title: str


class TaskOut(BaseModel):
    """A task as a party in the room reads it.

    role:  the role that owns it, if one does. party, owner: of the owner now; None and "" if nobody
           holds the role. ref: the person, as the ledger names them; for their own party only.
    ended_by: the party that finished or dropped it.
    """

    id: UUID
    crisis: UUID
    title: str
    state: TaskState
    due_at: AwareDatetime
    role: ResponseRole | None
    party: str | None
    owner: str
    ref: str | None
    link: TaskLinkOut | None
    given_by: str
    given_at: AwareDatetime
    ended_by: str | None
    ended_at: AwareDatetime | None
    exercise: bool
