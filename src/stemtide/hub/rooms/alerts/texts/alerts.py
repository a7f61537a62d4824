# SPDX-License-Identifier: Apache-2.0
"""Texts of alerts in the reader's language: a title and a sentence for each kind."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from django.utils.translation import gettext as _, gettext_lazy

from stemtide.hub.rooms.alerts.rules.alerts import Urgency
from stemtide.hub.rooms.alerts.texts import requests
from stemtide.hub.rooms.alerts.texts.errors import translated_error

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_NETWORKS = 5
"""Networks that a mail names."""

Words: TypeAlias = "str | _StrPromise"

TITLES: Mapping[str, Words] = {
    "early_warning": gettext_lazy("Early warning: %(crisis)s"),
    "concerned": gettext_lazy("A crisis concerns your country: %(crisis)s"),
    "invitation": gettext_lazy("Invitation to a crisis: %(crisis)s"),
    "proposal": gettext_lazy("A proposal waits for a second person: %(crisis)s"),
    "activated": gettext_lazy("Protocol active: %(crisis)s"),
    "lapsed": gettext_lazy("No longer active: %(crisis)s"),
    "review_due": gettext_lazy("Review due soon: %(crisis)s"),
    "review_overdue": gettext_lazy("Review OVERDUE: %(crisis)s"),
    "deescalated": gettext_lazy("De-escalation: %(crisis)s"),
    "closed": gettext_lazy("Closed: %(crisis)s"),
    "ended": gettext_lazy("Ended: %(crisis)s"),
    "lead": gettext_lazy("Threat to life: a lead waits for you"),
    "line_proposed": gettext_lazy("Public line proposed: %(crisis)s"),
    "task_given": gettext_lazy("A task: %(crisis)s"),
    "role_offered": gettext_lazy("A role in the response: %(crisis)s"),
    "mentioned": gettext_lazy("You are mentioned: %(crisis)s"),
    "signal_disputed": gettext_lazy("Signals of yours are disputed: %(count)s"),
    "signal_question": gettext_lazy("Questions about signals of yours: %(count)s"),
    "question_answered": gettext_lazy("Answers to your questions about signals: %(count)s"),
    "signal_runs_away": gettext_lazy("Signals that match too much: %(count)s"),
    "signal_lowered": gettext_lazy("Signals lowered to hold everywhere: %(count)s"),
    "dispute_set_aside": gettext_lazy("Disputes of yours were set aside: %(count)s"),
    "dispute_answered": gettext_lazy("Answers to disputes that you set aside: %(count)s"),
    "disputes_set_aside": gettext_lazy("All your open disputes were set aside: %(count)s"),
    "disputes_answered": gettext_lazy("%(by)s answers that you set its disputes aside"),
    "signal_withdrawn": gettext_lazy("A signal was withdrawn"),
    "complaint": gettext_lazy("Somebody complains of a decision of yours"),
    "complaint_overdue": gettext_lazy("A complaint has waited for two weeks"),
    "redress_asked": gettext_lazy("%(by)s asks you to look again"),
    "redress_declined": gettext_lazy("%(by)s keeps what you asked about"),
    "redress_granted": gettext_lazy("%(by)s withdrew it"),
    "still_there": gettext_lazy("Still there: %(reference)s"),
    "came_back": gettext_lazy("It came back: %(reference)s"),
    "uploaded_again": gettext_lazy("Uploaded again: %(reference)s"),
    "exercise_prepared": gettext_lazy("You are invited to an exercise: %(exercise)s"),
    "exercise_news": gettext_lazy("News in the exercise: %(count)s"),
    "exercise_interrupted": gettext_lazy("REAL: the exercise is paused for a real crisis"),
    **requests.TITLES,
    "order_waits": gettext_lazy("A removal order needs a second person"),
    "second_look_waits": gettext_lazy("Waiting for a second look: %(count)s"),
    "second_look_due": gettext_lazy("Done at once, and not confirmed yet: %(count)s"),
    "second_look_ended": gettext_lazy("Not approved in a second look: %(count)s"),
    "suspension_waits": gettext_lazy("%(party)s: a proposal waits for a second person"),
    "proposal_waits": gettext_lazy("To confirm: %(act)s"),
    "restore_waits": gettext_lazy("The hub was set back to an earlier state"),
    "suspended": gettext_lazy("Your party is suspended"),
    "restored": gettext_lazy("Your party is no longer suspended"),
    "unanswered": gettext_lazy("%(party)s does not answer"),
    "dead_letter": gettext_lazy("An alert to %(party)s did not arrive"),
    "webhook_disabled": gettext_lazy("A webhook of yours is no longer called"),
    "account_locked": gettext_lazy("An account of your party is locked"),
    "drill": gettext_lazy("Contact drill: please acknowledge"),
    "drill_due": gettext_lazy("A contact drill is due"),
}
"""Titles by kind, for mail subjects and the desk's header."""

TEXTS: Mapping[str, Words] = {
    "early_warning": gettext_lazy(
        "%(by)s raised an early warning that names your country or your mandate. Look at it, and"
        " say what you know."
    ),
    "concerned": gettext_lazy(
        "%(by)s found that this crisis concerns your country too. Look at it; taking part is"
        " voluntary."
    ),
    "invitation": gettext_lazy(
        "%(by)s invites your party to this crisis. Taking part is voluntary: accept or decline at"
        " the desk. Nothing else is sent to you unless you accept."
    ),
    "proposal": gettext_lazy(
        "%(by)s proposes: %(act)s. Look at it and confirm or decline. To activate the protocol, two"
        " parties must agree; the room says which."
    ),
    "activated": gettext_lazy(
        "The protocol is active. Signals are shared from now on; see the room."
    ),
    "lapsed": gettext_lazy(
        "The emergency activation was not confirmed by a second party. The crisis is a warning"
        " again; signals that were shared stay."
    ),
    "review_due": gettext_lazy("Say soon whether this crisis stays active, or de-escalate it."),
    "review_overdue": gettext_lazy(
        "The time within which somebody must say whether it stays active is over. Decide now."
    ),
    "deescalated": gettext_lazy("%(by)s began to wind this crisis down. Signals are still taken."),
    "ended": gettext_lazy("The tail of this crisis has ended. It takes no more signals."),
    "closed": gettext_lazy("%(by)s closed this crisis. Signals that no party adopted end with it."),
    "lead": gettext_lazy(
        "%(by)s sent a lead about a threat to somebody's life. Its words are at the desk only:"
        " read it there now, and say that you have it."
    ),
    "line_proposed": gettext_lazy(
        "%(by)s proposes a line for the public. Agree, or say what you object to."
    ),
    "task_given": gettext_lazy(
        "%(by)s gave your party, or a person of it, a task in the response."
    ),
    "role_offered": gettext_lazy(
        "%(by)s offers your party a role in the response, or gave it to a person of your party. The"
        " room shows which one."
    ),
    "mentioned": gettext_lazy(
        "%(by)s mentions your party, or a person of it, in the situation log. Read the message"
        " there."
    ),
    "exercise_prepared": gettext_lazy(
        "%(by)s directs it. The page of the exercise at the desk says which part your party plays."
        " Everything in it is marked with the word EXERCISE."
    ),
    "exercise_news": gettext_lazy("Read it on the page of the exercise at the desk."),
    "exercise_interrupted": gettext_lazy(
        "%(by)s paused the exercise “%(exercise)s” because of a real crisis. This is not part of"
        " the exercise. Act on what is real; the exercise goes on once its director says so."
    ),
    "signal_question": gettext_lazy(
        "Sent by: %(by)s. They hold content that your signal matches until they know more. Answer"
        " on the page of each signal."
    ),
    "question_answered": gettext_lazy(
        "Answered by: %(by)s. Read the answers on the pages of the signals, or on the review page"
        " of your agent."
    ),
    "signal_disputed": gettext_lazy(
        "Disputed by: %(by)s. Their agents do not act on these signals. Other agents stop only if"
        " two independent parties or the agency dispute. Look at each signal again, and withdraw"
        " it or explain."
    ),
    "signal_runs_away": gettext_lazy(
        "Reported by: %(by)s. These signals match far more uploads than is plausible there. Look at"
        " each of them: confirm it if it is right, dispute or withdraw it if it is wrong."
    ),
    "signal_lowered": gettext_lazy(
        "Agents of independent parties report that these signals match too much. They lead to hold"
        " everywhere until another party confirms them or an agency clears them."
    ),
    "dispute_set_aside": gettext_lazy(
        "%(by)s decided that they do not count elsewhere. Your own agents still do not act on"
        " these signals. You can answer once, on the page of each signal."
    ),
    "dispute_answered": gettext_lazy(
        "Answered by: %(by)s. Read the answers on the pages of the signals. If they convince you,"
        " let the disputes count again."
    ),
    "disputes_set_aside": gettext_lazy(
        "%(by)s decided that they do not count elsewhere. Your own agents still do not act on"
        " these signals. Read the reason at the desk. You can answer once, for all of them."
    ),
    "disputes_answered": gettext_lazy(
        "Read the answer at the desk. If it convinces you, let the disputes count again."
    ),
    "signal_withdrawn": gettext_lazy(
        "%(by)s withdrew it. Agents forget it and undo what they did because of it."
    ),
    "complaint": gettext_lazy(
        "Look at it and decide within two weeks. What they wrote is at the desk only."
    ),
    "complaint_overdue": gettext_lazy(
        "Whoever complained should know the outcome by now. Decide it, and say why."
    ),
    "redress_asked": gettext_lazy(
        "A complaint about what you shared or asked for was decided there. See what they say of it,"
        " and withdraw it or keep it with a reason."
    ),
    "redress_declined": gettext_lazy(
        "Read their reason. If it convinces you, accept it: your dispute is then withdrawn."
    ),
    "redress_granted": gettext_lazy(
        "You had upheld a complaint about it, or asked. Agents undo what they did because of it."
    ),
    "still_there": gettext_lazy(
        "%(provider)s says that the content is gone, and its address still answers. Look at what"
        " the re-check saw, and tell each other."
    ),
    "came_back": gettext_lazy(
        "An address whose content was gone answers again. Look at what the re-check saw, and tell"
        " each other."
    ),
    "uploaded_again": gettext_lazy(
        "Agents met content of the linked signals after %(provider)s said that it is gone. See how"
        " often on the page of the request."
    ),
    **requests.TEXTS,
    "order_waits": gettext_lazy(
        "%(by)s asks a second person to confirm a removal order. Open it, read all of it, and"
        " confirm or refuse it. If it was issued at once, it ends after two hours unless a second"
        " person confirms it."
    ),
    "second_look_waits": gettext_lazy(
        "Asked by: %(by)s. Look at it, and approve or refuse it. Nothing is shared or withdrawn"
        " before a second person approves it. What nobody decides expires."
    ),
    "second_look_due": gettext_lazy(
        "Done by: %(by)s, at once because of a crisis. It ends after two hours unless a second"
        " person confirms it. Look at it now, and approve or refuse it."
    ),
    "second_look_ended": gettext_lazy(
        "Ended by: %(by)s. What your party asked for was refused, or nobody decided it in time. It"
        " does not happen; what was done at once was undone. You can ask again."
    ),
    "suspension_waits": gettext_lazy(
        "%(by)s proposes to %(act)s. Another person must confirm or decline within 24 hours: see"
        " the parties at the desk."
    ),
    "proposal_waits": gettext_lazy(
        "%(by)s proposes: %(act)s. Another coordinator must confirm or decline within 24 hours."
    ),
    "restore_waits": gettext_lazy(
        "What was done after that is gone, and a new transparency log began. A coordinator of"
        " an agency must confirm this on the page of hub settings."
    ),
    "suspended": gettext_lazy(
        "Your API keys, webhooks and exchanges stop, and nobody can sign in. Your signals no longer"
        " block anything. Nothing was deleted. Removal orders and referrals still arrive by mail:"
        " answer them by the link in it. A request with one of your keys says why, and whom to"
        " write to."
    ),
    "restored": gettext_lazy(
        "Your API keys, webhooks and exchanges work again, and your signals act as before. Sign in"
        " again."
    ),
    "unanswered": gettext_lazy(
        "Nobody acknowledged “%(about)s”, and its ladder has ended. Reach them by telephone, or go"
        " on without them."
    ),
    "dead_letter": gettext_lazy(
        "It was tried by %(channel)s and given up: %(error)s. See the deliveries: retry it once the"
        " contact point works, or drop it."
    ),
    "webhook_disabled": gettext_lazy(
        "Its address is gone, or nothing arrived there for three days, or its key has ended. See"
        " which and why: stemtide webhook list. What happened meanwhile is in the feed."
    ),
    "account_locked": gettext_lazy(
        "There were too many wrong passwords or codes for it. The lock ends within an hour. A"
        " coordinator or administrator can lift it on the page of your party's people."
    ),
    "drill": gettext_lazy(
        "This is a drill; nothing has happened. Acknowledge it, so that we know that this contact"
        " point reaches somebody."
    ),
    "drill_due": gettext_lazy(
        "No drill was held for a quarter. Contact points go stale unnoticed: start a drill."
    ),
}
"""Sentences by kind."""

PERSONAL: Mapping[str, tuple[Words, Words]] = {
    "account_locked": (
        gettext_lazy("Your Stemtide account is locked for an hour"),
        gettext_lazy(
            "Somebody typed a wrong password or a wrong code for your account too often. For up to"
            " an hour nobody can sign in to it with a password or a code. Where you are signed in,"
            " you stay signed in.\n\n"
            "If it was you: sign in with a passkey or through your organisation, or ask a"
            " coordinator or administrator of your party to lift the lock.\n\n"
            "If it was not you: nobody has signed in to your account because of this. Tell a"
            " coordinator or administrator of your party. If somebody may know your password,"
            " change it."
        ),
    ),
}
"""Title and text of the mail to the person whom an alert is about, by kind."""

URGENCIES: Mapping[str, Words] = {
    Urgency.NOW: gettext_lazy("now"),
    Urgency.SOON: gettext_lazy("soon"),
    Urgency.ROUTINE: gettext_lazy("routine"),
}

CHANNELS: Mapping[str, Words] = {
    "page": gettext_lazy("desk"),
    "mail": gettext_lazy("mail"),
    "webhook": gettext_lazy("webhook"),
}

ACTS: Mapping[str, Words] = {
    "activate": gettext_lazy("activate the protocol"),
    "close": gettext_lazy("close the crisis"),
    "suspend": gettext_lazy("suspend this party"),
    "lift": gettext_lazy("lift its suspension"),
    "name_duty": gettext_lazy("name an authority for a duty"),
    "change_setting": gettext_lazy("change a setting of the hub"),
    "add_exchange": gettext_lazy("add an exchange with another hub"),
    "end_duty": gettext_lazy("end the duty of an authority"),
}
"""Texts of proposals."""

EXERCISE = gettext_lazy("EXERCISE")
"""Prefix of every title of an exercise, in every channel."""


class _Parameters(dict[str, str]):
    """Parameters of a text. A missing one reads as "…": an alert must always be readable."""

    def __missing__(self, name: str) -> str:
        return "…"


def title(kind: str, parameters: Mapping[str, str], *, exercise: bool) -> str:
    """Return the title, in the active language."""
    plain = str(TITLES.get(kind, kind)) % _shown(parameters)
    return f"[{EXERCISE}] {plain}" if exercise else plain


def text(kind: str, parameters: Mapping[str, str]) -> str:
    """Return the sentence, in the active language."""
    return str(TEXTS.get(kind, "")) % _shown(parameters)


def text_at_desk(kind: str, parameters: Mapping[str, str]) -> str:
    """Return the sentence with what others wrote, in the active language.

    Only people who signed in read that: no member can put its own words into a message of the hub.
    """
    sentence, reasons = text(kind, parameters), parameters.get("reasons", "").splitlines()
    if not reasons:
        return sentence
    quoted = " ".join(f"“{reason}”" for reason in reasons)
    return _("%(sentence)s They wrote: %(quoted)s") % {"sentence": sentence, "quoted": quoted}


def personal(kind: str, notes: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return the title and text of a mail to one person, in the active language."""
    title, text = PERSONAL[kind]
    lines = "\n".join(f"{name}: {note}" for name, note in notes)
    return str(title), f"{text}\n\n{lines}\n"


def personal_notes(*, at: datetime, networks: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the notes in a mail to one person: when it happened, and from which networks."""
    shown = ", ".join(networks[:_NETWORKS])
    if len(networks) > _NETWORKS:
        shown = _("%(networks)s and others") % {"networks": shown}
    return (
        (_("When"), f"{at:%Y-%m-%d %H:%M %Z}"),
        (_("From the network (approximately)"), shown or _("not known")),
    )


def _shown(parameters: Mapping[str, str]) -> _Parameters:
    """Return parameters as text: for an alert about another alert, the title of that one."""
    parameters_shown = _Parameters(
        {name: str(value) for name, value in parameters.items() if value}
    )
    parameters_shown.setdefault("by", _("The hub"))
    if "kind" in parameters:
        own_parameters = {name: value for name, value in parameters.items() if name != "kind"}
        parameters_shown["about"] = title(parameters["kind"], own_parameters, exercise=False)
    if "act" in parameters:
        parameters_shown["act"] = str(ACTS.get(parameters["act"], parameters["act"]))
    if "error" in parameters_shown:
        parameters_shown["error"] = translated_error(parameters_shown["error"])
    if "channel" in parameters:
        parameters_shown["channel"] = str(
            CHANNELS.get(parameters["channel"], parameters["channel"])
        )
    return parameters_shown
