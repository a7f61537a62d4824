# SPDX-License-Identifier: Apache-2.0
"""Mentions and links in messages of a situation log: suggested while one types, and shown."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.template.defaultfilters import linebreaksbr
from django.urls import Resolver404, resolve, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.labels import Words, label
from stemtide.hub.rooms.crises.reads import participants, roles
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.parties.reads.parties import Actor, party_titles
from stemtide.hub.rooms.situation.reads import references, situation
from stemtide.hub.rooms.situation.rules.situation import check_post
from stemtide.protocol.enums.response import ReferenceKind, TaskLinkKind
from stemtide.protocol.messages.situation import MessageOut, ReferenceOut, RoleOut

AT_ONCE = 6
"""Suggestions of one kind."""

_MENTIONS = {ReferenceKind.ROLE, ReferenceKind.PARTY, ReferenceKind.PERSON}
_ADDRESS = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may be chosen while one types. token: enters the text; detail: who or what it is."""

    token: str
    title: Words
    detail: Words


@require_safe
@signed_in
@writers_only
def suggest(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Render what the beginning of a mention ("@…") or of a link ("#…") may mean."""
    query, by = request.GET.get("q", "")[:100], actor_of(request)
    room = situation.room_facts(situation.find_room(uid, viewer=by.party))
    check_post(room, kind=by.kind, role=by.role)
    words = query[1:].split()
    find = {"@": _mentions, "#": _links}.get(query[:1])
    context = {"suggestions": find(uid, words, by=by) if find else []}
    return render(request, "desk/room/_suggestions.html", context)


def message_html(message: MessageOut) -> SafeString:
    """Return the text of a message as HTML; what the reader may see is named and linked."""
    by_token = {reference.token: reference for reference in message.references}
    if not by_token:
        return linebreaksbr(message.text)
    tokens = "|".join(re.escape(token) for token in sorted(by_token, key=len, reverse=True))
    pieces = re.split(rf"(?<![\w@#/])({tokens})(?![\w-])", message.text)
    return format_html_join(
        "",
        "{}",
        (
            (_reference_html(by_token[piece], message) if number % 2 else linebreaksbr(piece),)
            for number, piece in enumerate(pieces)
        ),
    )


def with_tokens(text: str, *, host: str) -> str:
    """Return a text with links in place of addresses of this desk's pages."""
    return _ADDRESS.sub(lambda match: _token_of(match[0], host=host), text)


def _token_of(address: str, *, host: str) -> str:
    """Return the link to the thing whose page has an address; others stay as they are."""
    try:
        parts = urlsplit(address)
        match = resolve(parts.path) if parts.netloc == host else None
    except (Resolver404, ValueError):
        return address
    if match is not None and match.url_name in set(TaskLinkKind):
        return f"#{match.url_name}:{match.kwargs.get('key', match.kwargs['uid'])}"
    if match is not None and match.url_name == "crisis-tasks" and parts.fragment[:5] == "task-":
        return f"#task:{parts.fragment[5:]}"
    return address


def _reference_html(reference: ReferenceOut, message: MessageOut) -> SafeString:
    """Return a mention or a link as HTML."""
    if reference.kind in _MENTIONS:
        return format_html('<span class="reference">@{}</span>', _mention_title(reference))
    kind = label(reference.kind, "reference")
    if reference.id is None:
        hidden = _("{thing} (not visible to your party)").format(thing=kind)
        return format_html('<span class="reference">{}</span>', hidden)
    title = f"{kind} {reference.name or _('without a number')}"
    address = _address(reference.kind, reference.id, crisis=message.crisis)
    return format_html('<a class="reference" href="{}">{}</a>', address, title)


def _mention_title(reference: ReferenceOut) -> Words:
    """Return how a mention reads."""
    if reference.kind is ReferenceKind.ROLE:
        return label(reference.name, "response-role")
    party = party_titles().get(reference.party or "", reference.party or "")
    if reference.kind is ReferenceKind.PARTY:
        return party
    return reference.name or _("a person of {party}").format(party=party)


def _address(kind: ReferenceKind, uid: UUID, *, crisis: UUID) -> str:
    """Return the address of the page of a thing."""
    if kind is ReferenceKind.TASK:
        return f"{reverse('crisis-tasks', args=[crisis])}#task-{uid}"
    return reverse(kind, args=[crisis, uid] if kind is ReferenceKind.CLUSTER else [uid])


def _mentions(uid: UUID, words: list[str], *, by: Actor) -> list[Suggestion]:
    """Return the roles, the people of one's own party and the parties in the room, by words.

    Roles that nobody holds come last.
    """
    everybody = [
        Suggestion(f"@person:{person.email}", person.name or person.email, by.party.title)
        for person in people.writers(viewer=by.party)
    ]
    everybody += [
        Suggestion(f"@party:{party.name}", party.title, label(party.kind, "party"))
        for party in participants.in_room(uid, viewer=by.party)
    ]
    every_role = roles.roles(uid, viewer=by.party)
    everybody[:0] = [_role(role) for role in every_role if role.party]
    everybody += [_role(role) for role in every_role if not role.party]
    fitting = [suggestion for suggestion in everybody if _fits(suggestion, words)]
    return fitting[: 3 * AT_ONCE]


def _role(role: RoleOut) -> Suggestion:
    """Return the suggestion of a role, with who holds it."""
    holder = (role.holder, party_titles().get(role.party or "", ""))
    detail = " · ".join(filter(None, holder)) or _("nobody holds this role")
    return Suggestion(f"@role:{role.role}", label(role.role, "response-role"), detail)


def _links(uid: UUID, words: list[str], *, by: Actor) -> list[Suggestion]:
    """Return the things of a crisis that may be linked to, by words."""
    return [
        Suggestion(
            f"#{thing.kind}:{thing.id.hex[-12:]}",
            thing.name or _("without a number"),
            label(thing.kind, "reference"),
        )
        for thing in references.suggestions(uid, words=words, viewer=by.party, limit=AT_ONCE)
    ]


def _fits(suggestion: Suggestion, words: list[str]) -> bool:
    """Whether every word begins a word of a suggestion, or its token has it."""
    text = f"{suggestion.title} {suggestion.token}".casefold()
    parts = re.split(r"[\s@:.]+", text)
    return all(any(part.startswith(word.casefold()) for part in parts) for word in words)
