# SPDX-License-Identifier: Apache-2.0
"""Actions that pages offer: each with its rule, its form, its write and its texts. Decision 0096.

An action is on a page if the rules would allow its write. One that only the state of its thing
forbids is on the page too, disabled, with the reason and what to do first.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import Http404
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.forms import MessageForm
from stemtide.hub.desk.labels import Words, label
from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    RefusalError,
)
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.law.machines import machine

KEYS = {
    "answer": "a",
    "approve": "a",
    "confirm": "c",
    "decline": "r",
    "deescalate": "e",
    "dispute": "d",
    "invite": "i",
    "join": "a",
    "propose-activate": "p",
    "refuse": "r",
    "set-aside": "s",
    "take-back": "w",
    "triage": "t",
    "withdraw": "w",
}
"""Keys that open the forms of actions, by their names (static/desk/keys.js)."""


@dataclass(frozen=True, slots=True)
class Action:
    """One action on a thing, such as a crisis or an order.

    write:   called with the thing's id, the target if there is one, the message if the form makes
             one, and the actor and time as by and now.
    done:    the confirmation.
    targets: returns the targets that the rules allow now, of a page's facts; [""] is the thing.
    target_id: turns a target into an argument of the write; None if there is one target only.
    label:   of the form's text field, instead of the form's own.
    block:   the part of the page that it belongs to.
    is_primary: it is the next step, and shown open.
    blocked: returns why it cannot be done now, by target, of a page's facts.
    is_step: one that is blocked keeps its place; the others are folded at the end.
    """

    name: str
    form: type[MessageForm]
    write: Callable[..., object]
    done: Words
    targets: Callable[[Any], list[str]]
    title: Words = ""
    button: Words = ""
    help: Words = ""
    label: Words = ""
    block: str = ""
    target_id: Callable[[str], object] | None = None
    is_destructive: bool = False
    is_primary: bool = False
    blocked: Callable[[Any], Mapping[str, str]] = lambda _facts: {}
    is_step: bool = False

    def bound_form(self, target: str, data: Any, **options: Any) -> MessageForm:  # noqa: ANN401  # as Django's forms
        """Return the form, empty or with the data that was sent."""
        form = self.form(data, prefix=f"{self.name}-{target}" if target else self.name, **options)
        if self.label:
            form.fields["text"].label = self.label
        return form


@dataclass(frozen=True, slots=True)
class Offer:
    """An action that is on a page, with its target and form. is_open: it was sent and refused.

    reason: why it cannot be done now; "" if it can.
    html: returns the form as HTML shared by readers who get the same; None on a page, where the
          form has a CSRF token of its own.
    """

    action: Action
    target: str
    form: MessageForm = field(compare=False)
    is_open: bool = False
    reason: str = ""
    html: Callable[[], str] | None = field(default=None, compare=False)

    @property
    def title(self) -> Words:
        """Return the title of the action."""
        return self.action.title

    @property
    def is_folded(self) -> bool:
        """Whether it is listed at the end, with what is not possible now either."""
        return bool(self.reason) and not self.action.is_step

    @property
    def key(self) -> str:
        """Return the key that opens the form; "" if it has none."""
        return KEYS.get(self.action.name, "")

    @property
    def id(self) -> str:
        """Return the id of the form in the page."""
        return f"{self.action.name}-{self.target}" if self.target else self.action.name


def action_table(*actions: Action) -> dict[str, Action]:
    """Return actions by their names in URLs, in the order of the page."""
    table = {action.name: action for action in actions}
    assert len(table) == len(actions)  # noqa: S101  # a name is used once
    return table


@dataclass(frozen=True, slots=True)
class ActorFacts:
    """The input of most rules: the facts of a thing, and who looks at it."""

    facts: Any
    by: Actor


def itself_if(is_allowed: Callable[[Any], bool]) -> Callable[[Any], list[str]]:
    """Return a function that gives the thing itself as target if a condition holds."""
    return lambda facts: [""] if is_allowed(facts) else []


def itself_blocked(why: Callable[[Any], str]) -> Callable[[Any], dict[str, str]]:
    """Return a function that gives the thing itself as blocked if there is a reason."""

    def blocked(facts: Any) -> dict[str, str]:  # noqa: ANN401  # each page has its own
        reason = why(facts)
        return {"": reason} if reason else {}

    return blocked


def by_name(offers: Iterable[Offer]) -> dict[str, Offer]:
    """Return possible offers by the names of their actions, for a page that places each by hand."""
    return {offer.action.name: offer for offer in offers if not offer.reason}


def sent_offer(
    request: SignedInRequest,
    table: Mapping[str, Action],
    name: str,
    **options: Any,  # noqa: ANN401  # of the page's forms
) -> Offer:
    """Return the offer of an action with the data that was sent.

    raises: Http404 if the table has no such action.
    """
    if name not in table:
        raise Http404
    action, target = table[name], request.POST.get("target", "")[:80]
    form = action.bound_form(target, request.POST, **options)
    return Offer(action, target, form, is_open=True)


def available(
    actions: Iterable[Action],
    facts: Any,  # noqa: ANN401  # each page has its own
    *,
    refused: Offer | None = None,
    **options: Any,  # noqa: ANN401  # of the page's forms
) -> list[Offer]:
    """Return the actions that the rules allow now, and those that only wait for something else.

    facts:   what the actions' targets are of.
    refused: one that was sent with errors, in its place.
    """
    offers = []
    for action in actions:
        targets = action.targets(facts)
        offers += [
            refused
            if refused and (refused.action, refused.target) == (action, target)
            else Offer(action, target, _lazy_form(action, target, **options))
            for target in targets
        ]
        offers += [
            Offer(action, target, _lazy_form(action, target, **options), reason=reason)
            for target, reason in action.blocked(facts).items()
            if target not in targets
        ]
    return offers


def why_not(check: Callable[..., None], /, *facts: object, **arguments: object) -> str:
    """Return why a rule refuses an act, in the reader's language; "" if it allows it."""
    try:
        check(*facts, **arguments)
    except RefusalError as error:
        return error_text(error)
    return ""


def why_not_yet(check: Callable[..., object], /, *facts: object, **arguments: object) -> str:
    """Return why the state of a thing forbids an act; "" if it allows it, or the reader may not."""
    try:
        check(*facts, **arguments)
    except NotAllowedError:
        return ""
    except ConflictError as error:
        return error_text(error)
    return ""


def only_later(name: str, state: str, move: str) -> str:
    """Return in which states a move is possible; "" if it is now, or never after this state.

    name: of the state machine, whose states have labels by the same name.
    """
    states, sources = machine(name), machine(name).moves[move].source
    ahead = [source for source in sources if source in states.reachable(state)]
    if state in sources or not ahead:
        return ""
    named = ", ".join(str(label(source, name)) for source in ahead)
    return _("Possible once the state is: %(states)s.") % {"states": named}


def perform(request: SignedInRequest, offer: Offer, uid: UUID | str) -> bool:
    """Carry out an action with the data that was sent; the next page shows whether it succeeded.

    uid: of the thing; of a party its name.

    returns: False if the form is invalid; the form then shows why.
    raises:  NotFoundError, NotAllowedError.
    """
    action, form = offer.action, offer.form
    message = form.message()
    if not form.is_valid():  # the message may add errors
        return False
    try:
        target = [action.target_id(offer.target)] if action.target_id else []
    except ValueError as error:
        raise Http404 from error
    try:
        sent = {} if message is None else {"body": message}
        action.write(uid, *target, **sent, by=actor_of(request), now=datetime.now(UTC))
    except InvalidError as error:
        form.add_refusal(error)
        return False
    except ConflictError as error:
        messages.error(request, error_text(error))
    else:
        messages.success(request, str(action.done))
    return True


def _lazy_form(action: Action, target: str, **options: Any) -> MessageForm:  # noqa: ANN401  # of the page's forms
    """Return an empty form, built only when it is used: most are cached as HTML."""
    build = partial(action.bound_form, target, None, **options)
    return cast("MessageForm", SimpleLazyObject(build))
