# SPDX-License-Identifier: Apache-2.0
"""Labels (translatable) and colours for enum values that the desk shows."""

from typing import TYPE_CHECKING, TypeAlias

from django.utils.translation import gettext, gettext_lazy as _, ngettext

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.desk.labels import (
    alerts,
    approvals,
    complaints,
    crises,
    exercises,
    inbox,
    machines,
    orders,
    progress,
    referrals,
    retention,
    situation,
    todo,
)
from stemtide.protocol.enums import (
    Action,
    CheckAnswer,
    Opinion,
    Outcome,
    PartyKind,
    Provenance,
    Reach,
    Role,
    Severity,
    SignalState,
    Standing,
    WithdrawReason,
)
from stemtide.protocol.handling import PAP_ALLOWS, TLP_ALLOWS, Pap, Tlp
from stemtide.protocol.labels import ideologies, labels
from stemtide.protocol.law.frameworks import Framework
from stemtide.protocol.law.triage import TriageError, triages
from stemtide.protocol.messages.crises import TriageOut

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Words: TypeAlias = "str | _StrPromise"
"""Text, or lazily translated text."""

LABELS: dict[str, dict[str, Words]] = {
    "severity": {
        Severity.LOW: _("low severity"),
        Severity.MEDIUM: _("medium severity"),
        Severity.HIGH: _("high severity"),
        Severity.CRITICAL: _("critical severity"),
    },
    "state": {
        SignalState.WAITING: _("waiting for a second look"),
        SignalState.LIVE: _("live"),
        SignalState.WITHDRAWN: _("withdrawn"),
        SignalState.EXPIRED: _("expired"),
    },
    "kind": {
        Kind.PDQ: _("picture (PDQ)"),
        Kind.SHA256: _("file (SHA-256)"),
        Kind.MD5: _("file (MD5)"),
        Kind.URL: _("web address"),
        Kind.VIDEO: _("video (frames)"),
        Kind.AUDIO: _("sound"),
        Kind.TEXT: _("text (passages)"),
        Kind.GOP: _("video (same encode)"),
        Kind.EXTERNAL: _("signal type of another package"),
    },
    "reach": {
        Reach.ADDRESS: _("this address alone"),
        Reach.FOLDER: _("everything in this folder"),
        Reach.HOST: _("the whole host, and those below it"),
    },
    "provenance": {
        Provenance.PERPETRATOR: _("a perpetrator"),
        Provenance.ACCOMPLICE: _("an accomplice"),
        Provenance.BYSTANDER: _("a bystander"),
        Provenance.VICTIM: _("a victim"),
        Provenance.MEDIA: _("news media"),
        Provenance.UNKNOWN: _("not known"),
    },
    "reason": {
        WithdrawReason.MISTAKE: _("shared by mistake"),
        WithdrawReason.NOT_VIOLATING: _("the content breaks no rule"),
        WithdrawReason.CONTEXT: _("the context makes it lawful (news, research, art)"),
        WithdrawReason.COMPLAINT_UPHELD: _("a complaint was upheld"),
        WithdrawReason.ORDER_ANNULLED: _("the removal order behind it has no effect any more"),
        WithdrawReason.SUPERSEDED: _("another signal takes its place"),
        WithdrawReason.UNCONFIRMED: _("nobody confirmed it in time"),
        WithdrawReason.OTHER: _("another reason"),
    },
    "opinion": {
        Opinion.AGREE: _("agrees"),
        Opinion.DISPUTE: _("disputes it"),
        Opinion.SEEN: _("has seen it"),
    },
    "outcome": {
        Outcome.BLOCKED: _("blocked"),
        Outcome.HELD: _("held"),
        Outcome.LOGGED: _("logged"),
        Outcome.REVERSED: _("reversed"),
    },
    "answer": {
        CheckAnswer.YES: _("yes"),
        CheckAnswer.NO: _("no"),
        CheckAnswer.UNKNOWN: _("not answered"),
    },
    "role": {
        Role.DUTY_OFFICER: _("duty officer"),
        Role.ANALYST: _("analyst"),
        Role.COORDINATOR: _("coordinator"),
        Role.DATA_PROTECTION_OFFICER: _("data protection officer"),
        Role.OBSERVER: _("observer"),
        Role.ADMINISTRATOR: _("administrator"),
    },
    "contact-channel": {
        "mail": _("mail"),
        "phone": _("telephone"),
        "url": _("webhook"),
    },
    "factor": {
        "totp": _("app"),
        "webauthn": _("passkey"),
        "recovery_codes": _("paper"),
    },
    "door": {
        "password": _("with a password"),
        "passkey": _("with a passkey"),
        "organisation": _("through the organisation"),
    },
    "standing": {
        Standing.NEW: _("new"),
        Standing.MEMBER: _("member"),
        Standing.TRUSTED: _("trusted"),
        Standing.SUSPENDED: _("suspended"),
    },
    "party": {
        PartyKind.AUTHORITY: _("authority"),
        PartyKind.AGENCY: _("agency"),
        PartyKind.PROVIDER: _("provider"),
        PartyKind.CONSORTIUM: _("consortium"),
        PartyKind.OBSERVER: _("observer"),
    },
}
"""Labels by group, then by enum value."""
LABELS |= situation.LABELS | alerts.LABELS | crises.LABELS | retention.LABELS
LABELS |= referrals.LABELS | orders.LABELS | complaints.LABELS
LABELS |= inbox.LABELS | machines.LABELS | approvals.LABELS | todo.LABELS
LABELS |= exercises.LABELS
LABELS |= {"dsa-sheet": progress.DSA_SHEETS}

TONES: dict[str, dict[str, str]] = {
    "severity": {Severity.HIGH: "warn", Severity.CRITICAL: "bad"},
    "state": {SignalState.LIVE: "good", SignalState.WAITING: "warn"},
    "answer": {CheckAnswer.YES: "good", CheckAnswer.NO: "bad"},
    "standing": {
        Standing.NEW: "warn",
        Standing.TRUSTED: "good",
        Standing.SUSPENDED: "bad",
    },
    "opinion": {Opinion.AGREE: "good", Opinion.DISPUTE: "bad"},
}
"""Colours by group, then by enum value; a value that is not listed is "calm"."""
TONES |= situation.TONES | alerts.TONES | crises.TONES
TONES |= referrals.TONES | orders.TONES | complaints.TONES
TONES |= inbox.TONES | machines.TONES | approvals.TONES | exercises.TONES

KINDS_SHORT = {
    Kind.PDQ: "PDQ",
    Kind.SHA256: "SHA-256",
    Kind.MD5: "MD5",
    Kind.URL: "URL",
    Kind.VIDEO: "Video",
    Kind.AUDIO: "Audio",
    Kind.TEXT: "Text",
    Kind.GOP: "GOP",
    Kind.EXTERNAL: "External",
}
"""Short names of the kinds of signal, as used in the field. Never translated."""

ACTIONS = {
    Action.LOG: _(
        "Agents may only write down a match. Nothing may show the uploader that we know."
    ),
    Action.HOLD: _(
        "Agents may hold content for a person to look at; they may not block by themselves."
    ),
    Action.BLOCK: _("Agents may block by themselves, if their own policy says so."),
}


def label(value: str, of: str) -> str:
    """Return the label of an enum value; the value itself if it has none."""
    return str(LABELS[of].get(value, value.replace("_", " ")))


def figure(word: str, of: str) -> str:
    """Return the label of a value among the figures of a report."""
    if of == "label":
        return label_title(word)
    if of == "participants":  # the number of parties of a kind in a state
        kind, _space, state = word.partition(" ")
        return f"{label(kind, 'party')}: {label(state, 'joining')}"
    return label("all", "figure") if word == "all" else label(word, of)


def tone(value: str, of: str) -> str:
    """Return the colour of an enum value: good, warn, bad or calm."""
    return TONES.get(of, {}).get(value, "calm")


def translated(text: str) -> str:
    """Translate a text of our data files, which are in English."""
    return gettext(text) if text else ""


def rating_text(triage: TriageOut, framework: Framework) -> str:
    """Return the explanation of a rating; if the matrix has changed since, the stored one."""
    matrix = triages().get(framework.triage)
    try:
        is_current = matrix and triage.explanation == matrix.explain(
            harm=triage.harm, virality=triage.virality
        )
    except TriageError:
        is_current = False
    if not matrix or not is_current:
        return triage.explanation
    outcome = matrix.rate(harm=triage.harm, virality=triage.virality)
    explanation = gettext(
        "Harm %(harm)d (%(harm_is)s) and virality %(virality)d (%(virality_is)s): the matrix says"
        " %(outcome)s."
    ) % {
        "harm": triage.harm,
        "harm_is": translated(matrix.harm[triage.harm]),
        "virality": triage.virality,
        "virality_is": translated(matrix.virality[triage.virality]),
        "outcome": label(outcome, "triage"),
    }
    return f"{explanation} {translated(matrix.because[outcome])}"


def label_title(name: str) -> str:
    """Return the title of a label."""
    label = labels().get(name)
    return translated(label.title) if label else name


def ideology_title(name: str) -> str:
    """Return the title of an ideology."""
    ideology = ideologies().get(name)
    return translated(ideology.title) if ideology else name


def tlp_says(tlp: Tlp) -> str:
    """Return how far a recipient may pass a signal on."""
    return translated(TLP_ALLOWS[tlp].onward)


def tlp_seen_by(tlp: Tlp) -> str:
    """Return which parties may see a TLP mark, if no recipients are named."""
    allowance = TLP_ALLOWS[tlp]
    if allowance.needs_audience:
        return gettext("the named recipients only")
    if PartyKind.OBSERVER in allowance.to_kinds:
        return gettext("every party")
    return gettext("every party but observers")


def pap_says(pap: Pap) -> str:
    """Return which actions an agent may take on a signal."""
    return str(ACTIONS[PAP_ALLOWS[pap]])


def counted_outcome(outcome: str, count: int, *, number: str) -> str:
    """Return a number of outcomes in words, as in "41 blocked". number: the count as it is shown.

    raises: ValueError for what is no outcome.
    """
    texts = {
        Outcome.BLOCKED: ngettext("%(number)s blocked", "%(number)s blocked", count),
        Outcome.HELD: ngettext("%(number)s held", "%(number)s held", count),
        Outcome.LOGGED: ngettext("%(number)s logged", "%(number)s logged", count),
        Outcome.REVERSED: ngettext("%(number)s reversed", "%(number)s reversed", count),
    }
    return texts[Outcome(outcome)] % {"number": number}
