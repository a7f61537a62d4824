# SPDX-License-Identifier: Apache-2.0
"""Labels for the states of a crisis' room."""

from typing import TYPE_CHECKING, TypeAlias

from django.utils.translation import gettext_lazy as _

from stemtide.protocol.enums import (
    Capacity,
    JoinState,
    NeighbourStatus,
    PartyKind,
    ProposalAct,
    TriageOutcome,
)
from stemtide.protocol.enums.response import ReferenceKind, ResponseRole, TaskLinkKind, TaskState
from stemtide.protocol.messages.previews import Purpose

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_Words: TypeAlias = "str | _StrPromise"

LABELS: dict[str, dict[str, _Words]] = {
    "triage": {
        TriageOutcome.AS_USUAL: _("business as usual"),
        TriageOutcome.MONITOR: _("increased monitoring"),
        TriageOutcome.ACTIVATE: _("activate"),
    },
    "joining": {
        JoinState.LEADS: _("leads"),
        JoinState.INVITED: _("invited"),
        JoinState.JOINED: _("takes part"),
        JoinState.DECLINED: _("declined"),
        JoinState.LEFT: _("left"),
        JoinState.UNINVITED: _("invitation withdrawn"),
    },
    "capacity": {
        Capacity.AFFECTED: _("affected"),
        Capacity.SUPPORTING: _("supporting"),
        Capacity.OBSERVER: _("observing"),
    },
    "task": {
        TaskState.OPEN: _("to do"),
        TaskState.DONE: _("done"),
        TaskState.DROPPED: _("dropped"),
    },
    "task-act": {
        TaskState.OPEN: _("Reopen"),
        TaskState.DONE: _("Done"),
        TaskState.DROPPED: _("Drop"),
    },
    "task-link": {
        TaskLinkKind.SIGNAL: _("signal"),
        TaskLinkKind.CLUSTER: _("cluster"),
        TaskLinkKind.REFERRAL: _("referral"),
        TaskLinkKind.ORDER: _("removal order"),
    },
    "reference": {
        ReferenceKind.SIGNAL: _("signal"),
        ReferenceKind.CLUSTER: _("cluster"),
        ReferenceKind.REFERRAL: _("referral"),
        ReferenceKind.ORDER: _("removal order"),
        ReferenceKind.TASK: _("task"),
    },
    "response-role": {
        ResponseRole.LEAD: _("Lead"),
        ResponseRole.LIAISON: _("Liaison with providers"),
        ResponseRole.VERIFICATION: _("Verification"),
        ResponseRole.MEDIA: _("Media liaison"),
        ResponseRole.LOG_KEEPER: _("Log keeper"),
    },
    "response-duty": {
        ResponseRole.LEAD: _("sets priorities and assigns tasks"),
        ResponseRole.LIAISON: _("keeps in touch with providers and other parties"),
        ResponseRole.VERIFICATION: _("checks what is real, new or context"),
        ResponseRole.MEDIA: _("prepares public lines and answers journalists"),
        ResponseRole.LOG_KEEPER: _("writes decisions and events into the log"),
    },
    "proposal": {
        ProposalAct.ACTIVATE: _("Activation"),
        ProposalAct.CLOSE: _("Closure"),
    },
    "neighbour": {
        NeighbourStatus.UNCONFIRMED: _("not confirmed"),
        NeighbourStatus.ACTIVE: _("active"),
        NeighbourStatus.ENDED: _("ended"),
    },
    "party": {
        PartyKind.AUTHORITY: _("authority"),
        PartyKind.AGENCY: _("agency"),
        PartyKind.PROVIDER: _("provider"),
        PartyKind.CONSORTIUM: _("consortium"),
        PartyKind.OBSERVER: _("observer"),
    },
    "figure": {"all": _("all")},
    "parties": {
        PartyKind.AUTHORITY: _("all authorities"),
        PartyKind.AGENCY: _("all agencies"),
        PartyKind.PROVIDER: _("all providers"),
        PartyKind.CONSORTIUM: _("all consortia"),
        PartyKind.OBSERVER: _("all observers"),
    },
    "purpose": {
        Purpose.CONTAIN_SPREAD: _("to contain its spread"),
        Purpose.THREAT_TO_LIFE: _("to find a threat to somebody's life"),
        Purpose.PRESERVE: _("to preserve evidence"),
        Purpose.REVIEW: _("to review a label, a dispute or a complaint"),
    },
}
"""Labels by group, then by enum value."""

TONES: dict[str, dict[str, str]] = {
    "triage": {TriageOutcome.ACTIVATE: "bad", TriageOutcome.MONITOR: "warn"},
    "joining": {
        JoinState.LEADS: "good",
        JoinState.JOINED: "good",
        JoinState.INVITED: "warn",
    },
    "neighbour": {NeighbourStatus.ACTIVE: "bad", NeighbourStatus.UNCONFIRMED: "warn"},
}
"""Colours by group, then by enum value; a value that is not listed is "calm"."""
