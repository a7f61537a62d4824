# SPDX-License-Identifier: Apache-2.0
"""Opinions and questions on the page of a signal, and what the reader's party may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from stemtide.hub.desk.actions import (
    Action,
    Offer,
    action_table,
    available,
    itself_blocked,
    itself_if,
    why_not_yet,
)
from stemtide.hub.desk.forms import NO_NAMES, NO_NAMES_IN_TITLE, NOTE_LENGTH, MessageForm
from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.local_features import rules as local_rules, writes as local_writes
from stemtide.hub.rooms.local_features.rules import LocalFacts
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.signals.rules import (
    disputes as dispute_rules,
    questions as question_rules,
    signals as rules,
)
from stemtide.hub.rooms.signals.rules.disputes import DisputeFacts
from stemtide.hub.rooms.signals.rules.questions import QuestionFacts
from stemtide.hub.rooms.signals.writes import (
    disputes,
    entries,
    opinions as opinion_writes,
    signals as writes,
)
from stemtide.protocol.enums import Opinion, PartyKind, SignalState
from stemtide.protocol.messages.signals import (
    DisputeAnswerIn,
    OpinionIn,
    OpinionOut,
    QuestionAnswerIn,
    QuestionIn,
    SetAsideIn,
    SignalOut,
    SignalQuestionOut,
    TitleIn,
)
from stemtide.protocol.trust.standing import Basis


class TextForm(MessageForm):
    """A form with one text in the reader's own words."""

    free_texts = frozenset({"text"})

    text = forms.CharField(
        max_length=NOTE_LENGTH, help_text=NO_NAMES, widget=forms.Textarea(attrs={"rows": 2})
    )


class ConfirmSignalForm(TextForm):
    """Confirm a signal; the note may stay empty."""

    message_type = OpinionIn
    opinion = Opinion.AGREE
    text = forms.CharField(
        label=gettext_lazy("Note (optional)"),
        required=False,
        max_length=NOTE_LENGTH,
        help_text=NO_NAMES,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"opinion": self.opinion, "note": self.cleaned_data["text"]}


class DisputeForm(TextForm):
    """Dispute a signal, with a reason."""

    message_type = OpinionIn

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"opinion": Opinion.DISPUTE, "note": self.cleaned_data["text"]}


class SeenForm(MessageForm):
    """Take a confirmation or a dispute back, or say that the party has seen the signal."""

    message_type = OpinionIn

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"opinion": Opinion.SEEN}


class SignalTitleForm(MessageForm):
    """Give a signal a title."""

    message_type = TitleIn
    title = forms.CharField(
        label=gettext_lazy("Title"), required=False, max_length=80, help_text=NO_NAMES_IN_TITLE
    )


class SetAsideForm(TextForm):
    """Set a party's dispute aside, with a reason."""

    message_type = SetAsideIn

    def message_fields(self) -> dict[str, object]:
        """Return the fields of the message."""
        return {"reason": self.cleaned_data["text"]}


class RestoreForm(MessageForm):
    """Let a dispute count again."""


class DisputeAnswerForm(TextForm):
    """Answer the agency that set the party's dispute aside."""

    message_type = DisputeAnswerIn


class QuestionForm(TextForm):
    """Send the sharer a question."""

    message_type = QuestionIn


class QuestionAnswerForm(TextForm):
    """Answer a party's question."""

    message_type = QuestionAnswerIn


class RemoveLocalForm(MessageForm):
    """Remove the local features of the signal's picture."""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Facts of a signal's page for the rules.

    kinds: of the parties, by name. questions: about the signal that the reader may read.
    local: the facts about its local features; None if it has none.
    """

    signal: SignalOut
    by: Actor
    kinds: Mapping[str, PartyKind]
    questions: tuple[SignalQuestionOut, ...] = ()
    local: LocalFacts | None = None

    @property
    def facts(self) -> rules.SignalFacts:
        """Return the facts of the signal itself."""
        return rules.SignalFacts(
            state=self.signal.state,
            shared_by=self.signal.shared_by,
            ended_at=self.signal.withdrawn_at or self.signal.expires_at,
        )

    @property
    def own_opinion(self) -> OpinionOut | None:
        """Return the opinion of the reader's party."""
        own = (opinion for opinion in self.signal.opinions if opinion.party == self.by.name)
        return next(own, None)

    def dispute(self, opinion: OpinionOut) -> DisputeFacts:
        """Return the facts about a party's dispute, as far as the reader may know them."""
        return DisputeFacts(
            party=opinion.party,
            kind=self.kinds[opinion.party],
            is_open=opinion.opinion is Opinion.DISPUTE,
            is_set_aside=opinion.set_aside is not None,
            is_answered=bool(opinion.set_aside and opinion.set_aside.answered_at),
            is_of_many=bool(opinion.set_aside and opinion.set_aside.dismissal),
        )

    def question(self, question: SignalQuestionOut) -> QuestionFacts:
        """Return the facts about a question."""
        return QuestionFacts(
            party=question.party,
            sharer=self.signal.shared_by,
            is_answered=question.answered_at is not None,
        )


@dataclass(frozen=True, slots=True)
class ListedQuestion:
    """A question on the page, with the actions on it."""

    question: SignalQuestionOut
    offers: list[Offer]


@dataclass(frozen=True, slots=True)
class ListedOpinion:
    """An opinion on the page, with the actions on it."""

    opinion: OpinionOut
    offers: list[Offer]


def rows(page: PageFacts, *, refused: Offer | None) -> list[ListedOpinion]:
    """Return all opinions, the earliest first, with what the reader's party may do about each."""
    offers = available(
        [action for action in ACTIONS.values() if action.block == "dispute"], page, refused=refused
    )
    return [
        ListedOpinion(opinion, [offer for offer in offers if offer.target == opinion.party])
        for opinion in page.signal.opinions
    ]


def question_rows(page: PageFacts, *, refused: Offer | None) -> list[ListedQuestion]:
    """Return the questions, the earliest first, with a form for each that has no answer."""
    offers = available(
        [action for action in ACTIONS.values() if action.block == "question"], page, refused=refused
    )
    return [
        ListedQuestion(question, [offer for offer in offers if offer.target == question.party])
        for question in page.questions
    ]


def own_offers(page: PageFacts, *, refused: Offer | None) -> list[Offer]:
    """Return the opinions that the reader's party may give of the signal itself."""
    own = [action for action in ACTIONS.values() if action.block == "own"]
    return available(own, page, refused=refused)


def basis_sentence(signal: SignalOut, *, sharer: PartyKind, others: int) -> str:
    """Return in one line why a signal acts or does not; "" for one that has ended.

    sharer: its kind. others: parties that share the same value as well, as the reader sees them.
    """
    if signal.basis is None:
        return ""
    if signal.disputed:
        return _("Holds: it is disputed by so many parties, or such ones, that all agents stop.")
    if signal.exercise:
        return _("Only logs: it belongs to an exercise.")
    confirming = len(signal.confirmed_by)
    return sentence_of(signal.basis, sharer=sharer, confirming=confirming, others=others)


def sentence_of(basis: Basis, *, sharer: PartyKind, confirming: int = 0, others: int = 0) -> str:
    """Return in one line what agents do by default, by who supports a signal.

    confirming: parties that confirm it. others: parties that share the same value as well.
    """
    if not basis.is_enough:
        return str(_NOT_ENOUGH[basis])
    reasons = [str(_SHARED_BY[sharer])]
    if number := confirming:
        confirmed = ngettext(
            "confirmed by %(number)d party", "confirmed by %(number)d parties", number
        )
        reasons.append(confirmed % {"number": number})
    if others:
        shared = ngettext(
            "shared by %(number)d other party as well",
            "shared by %(number)d other parties as well",
            others,
        )
        reasons.append(shared % {"number": others})
    return _("Can block at agents with the default policy: %(reasons)s.") % {
        "reasons": ", ".join(reasons)
    }


_NOT_ENOUGH: Mapping[Basis, Promise] = {
    Basis.UNCONFIRMED: gettext_lazy(
        "Holds: one party shares it and no other party whose word counts has confirmed it."
    ),
    Basis.WHOLE_SITE: gettext_lazy(
        "Holds: it covers a whole folder or host of the web, and no second party has confirmed it."
    ),
    Basis.UNVETTED: gettext_lazy(
        "Holds: its sharer is new, and not enough other parties have confirmed it."
    ),
    Basis.SUSPENDED: gettext_lazy(
        "Only logs: its sharer is suspended, and not enough other parties have confirmed it."
    ),
}

_SHARED_BY: Mapping[PartyKind, Promise] = {
    PartyKind.AUTHORITY: gettext_lazy("shared by an authority"),
    PartyKind.AGENCY: gettext_lazy("shared by an agency"),
    PartyKind.PROVIDER: gettext_lazy("shared by a provider"),
    PartyKind.CONSORTIUM: gettext_lazy("shared by a consortium"),
    PartyKind.OBSERVER: gettext_lazy("shared by an observer"),
}


def _give_opinion(uid: UUID, *, body: OpinionIn, by: Actor, now: datetime) -> SignalOut:
    """Give the opinion of a person's party."""
    return writes.give_opinion(uid, body=body, by=by.party, now=now, actor_ref=by.ref, role=by.role)


def _has_ended(page: PageFacts) -> str:
    """Return when the signal ended, to a reader who could give an opinion before."""
    may = allows(check_person_may_write, page.by.role)
    return why_not_yet(rules.check_opinion, page.facts, kind=page.by.kind) if may else ""


def _may_name(page: PageFacts) -> bool:
    """Whether the reader may give the signal a title."""
    return allows(check_person_may_write, page.by.role) and allows(
        rules.check_republish, page.facts, name=page.by.name
    )


def _name(uid: UUID, *, body: TitleIn, by: Actor, now: datetime) -> SignalOut:
    """Give a signal a title."""
    return entries.name(uid, body=body, by=by.party, now=now, through=by.ref, role=by.role)


def _may_say(page: PageFacts, opinion: Opinion) -> bool:
    """Whether the reader's party may give an opinion that it has not given."""
    own = page.own_opinion
    return (
        allows(check_person_may_write, page.by.role)
        and allows(rules.check_opinion, page.facts, kind=page.by.kind)
        and (own is None or own.opinion is not opinion)
        and not (opinion is Opinion.AGREE and page.signal.shared_by == page.by.name)
    )


def _own(opinion: Opinion) -> Callable[[PageFacts], list[str]]:
    """Return a function that gives the signal as target if the party may give this opinion."""
    return itself_if(lambda page: _may_say(page, opinion))


def _disputes(may: Callable[[PageFacts, DisputeFacts], bool]) -> Callable[[PageFacts], list[str]]:
    """Return a function that gives the parties whose dispute the reader may act on."""

    def targets(page: PageFacts) -> list[str]:
        if page.signal.state is not SignalState.LIVE:
            return []
        return [
            opinion.party for opinion in page.signal.opinions if may(page, page.dispute(opinion))
        ]

    return targets


def _may_set_aside(page: PageFacts, dispute: DisputeFacts) -> bool:
    """Whether the reader may set a dispute aside."""
    by = page.by
    return allows(dispute_rules.check_set_aside, dispute, kind=by.kind, name=by.name, role=by.role)


def _may_restore(page: PageFacts, dispute: DisputeFacts) -> bool:
    """Whether the reader may let a dispute count again."""
    return allows(dispute_rules.check_restore, dispute, kind=page.by.kind, role=page.by.role)


def _may_answer(page: PageFacts, dispute: DisputeFacts) -> bool:
    """Whether the reader may answer for their party."""
    return allows(dispute_rules.check_answer, dispute, name=page.by.name, role=page.by.role)


def _may_send_question(page: PageFacts) -> bool:
    """Whether the reader's party may send the sharer a question."""
    own = next((row for row in page.questions if row.party == page.by.name), None)
    return allows(
        question_rules.check_question,
        page.facts,
        page.question(own) if own else None,
        kind=page.by.kind,
        name=page.by.name,
        role=page.by.role,
    )


def _may_remove_local(page: PageFacts) -> bool:
    """Whether the reader may remove the local features of the signal's picture."""
    by = page.by
    return (
        page.local is not None
        and allows(check_person_may_write, by.role)
        and allows(local_rules.check_remove, page.local, kind=by.kind, name=by.name)
    )


def _unanswered(page: PageFacts) -> list[str]:
    """Return the parties whose questions the reader may answer."""
    by = page.by
    return [
        row.party
        for row in page.questions
        if allows(question_rules.check_answer, page.question(row), name=by.name, role=by.role)
    ]


def _answer(
    uid: UUID, _party: str, *, body: DisputeAnswerIn, by: Actor, now: datetime
) -> SignalOut:
    """Answer for the person's party, which is the only target."""
    return disputes.answer(uid, body=body, by=by, now=now)


ACTIONS = action_table(
    Action(
        "confirm",
        ConfirmSignalForm,
        _give_opinion,
        gettext_lazy("Confirmed. Every reader sees that your party agrees."),
        _own(Opinion.AGREE),
        blocked=itself_blocked(_has_ended),
        title=gettext_lazy("Confirm it"),
        button=gettext_lazy("Confirm"),
        help=gettext_lazy(
            "Your party looked at the content and agrees. Agents count who stands behind a signal."
        ),
        block="own",
    ),
    Action(
        "dispute",
        DisputeForm,
        _give_opinion,
        gettext_lazy("Disputed. Your agents stop acting on it, and its sharer is told."),
        _own(Opinion.DISPUTE),
        blocked=itself_blocked(_has_ended),
        title=gettext_lazy("Dispute it"),
        button=gettext_lazy("Dispute"),
        help=gettext_lazy(
            "Your agents stop at once. Others stop if a second independent party disputes it, or"
            " the agency."
        ),
        label=gettext_lazy("Why is it wrong?"),
        block="own",
    ),
    Action(
        "seen",
        SeenForm,
        _give_opinion,
        gettext_lazy("Noted: your party has seen it, and neither confirms nor disputes it."),
        _own(Opinion.SEEN),
        title=gettext_lazy("Neither confirm nor dispute it"),
        button=gettext_lazy("Say only that we have seen it"),
        help=gettext_lazy("This takes an earlier confirmation or dispute back."),
        block="own",
    ),
    Action(
        "question",
        QuestionForm,
        opinion_writes.send_question,
        gettext_lazy("Sent. Its sharer is notified, and answers on this page."),
        itself_if(_may_send_question),
        title=gettext_lazy("Ask its sharer"),
        button=gettext_lazy("Send the question"),
        help=gettext_lazy("Only the sharer and your party read the question and its answer."),
        label=gettext_lazy("Your question"),
        block="own",
    ),
    Action(
        "answer-question",
        QuestionAnswerForm,
        opinion_writes.answer_question,
        gettext_lazy("Answered. The party that sent the question is notified."),
        _unanswered,
        title=gettext_lazy("Answer this question"),
        button=gettext_lazy("Send answer"),
        help=gettext_lazy("You can answer once. Only that party and yours read it."),
        label=gettext_lazy("Your answer"),
        block="question",
        target_id=str,
    ),
    Action(
        "remove-local",
        RemoveLocalForm,
        local_writes.remove,
        gettext_lazy("Removed. Agents forget the local features. The signal stays."),
        itself_if(_may_remove_local),
        title=gettext_lazy("Remove its local features"),
        button=gettext_lazy("Remove local features"),
        help=gettext_lazy(
            "Agents then find altered copies of the picture by its hash alone. To send them again,"
            " share the picture again with them."
        ),
        block="own",
        is_destructive=True,
    ),
    Action(
        "name",
        SignalTitleForm,
        _name,
        gettext_lazy("The title is saved."),
        itself_if(_may_name),
        title=gettext_lazy("Give it a title"),
        button=gettext_lazy("Save the title"),
        help=gettext_lazy(
            "Everybody who sees the signal at this hub reads it. Agents do not get it. Leave it"
            " empty to take it away."
        ),
        block="own",
    ),
    Action(
        "set-aside",
        SetAsideForm,
        disputes.set_aside,
        gettext_lazy("Set aside. The party is told, and may answer once."),
        _disputes(_may_set_aside),
        title=gettext_lazy("Set this dispute aside"),
        button=gettext_lazy("Set aside"),
        help=gettext_lazy(
            "It then counts only at the party's own agents. The party reads your reason."
        ),
        label=gettext_lazy("Why does it not count?"),
        block="dispute",
        target_id=str,
    ),
    Action(
        "restore",
        RestoreForm,
        disputes.restore,
        gettext_lazy("This dispute counts again."),
        _disputes(_may_restore),
        title=gettext_lazy("Let this dispute count again"),
        button=gettext_lazy("Let it count again"),
        block="dispute",
        target_id=str,
    ),
    Action(
        "answer",
        DisputeAnswerForm,
        _answer,
        gettext_lazy("Answered. Only agencies and your party read it."),
        _disputes(_may_answer),
        title=gettext_lazy("Answer the agency"),
        button=gettext_lazy("Send answer"),
        help=gettext_lazy("You can answer once. Only agencies and your party read it."),
        label=gettext_lazy("Your answer"),
        block="dispute",
        target_id=str,
    ),
)
"""What a party may say of a signal, and of disputes of it. Targets are names of parties."""
