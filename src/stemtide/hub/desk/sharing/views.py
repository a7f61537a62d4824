# SPDX-License-Identifier: Apache-2.0
"""The page to share content on, the page after it, and the withdrawal of a share.

1 The person gives hashes, addresses, a text or a file. A browser with JavaScript makes the
  fingerprints of pictures itself, and sends only those.
2 The page shows what is known already and what agents would do, and asks for marks.
3 The person shares; the next page says who gets it, and offers to take it back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from pydantic import ValidationError

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.error_messages import field_error_text
from stemtide.hub.desk.forms import uuid_or_none
from stemtide.hub.desk.search.rates import count_heavy_search
from stemtide.hub.desk.sharing import items as item_texts
from stemtide.hub.desk.sharing.forms import ContentForm, MarksForm, default_marks
from stemtide.hub.desk.sharing.items import MAX_ITEMS, Item, check_amount, rows_of
from stemtide.hub.desk.sharing.preview import Shareable, preview, shareable
from stemtide.hub.desk.sharing.sandbox import item_of_file, item_of_text
from stemtide.hub.platform.errors import InvalidError, RefusalError
from stemtide.hub.platform.uploads import MAX_UPLOAD_BYTES
from stemtide.hub.rooms.crises.reads import crises
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor, Viewer, party_titles
from stemtide.hub.rooms.signals.reads.sharing import second_looks, shares
from stemtide.hub.rooms.signals.rules import signals as rules
from stemtide.hub.rooms.signals.rules.signals import BulkRefusedError
from stemtide.hub.rooms.signals.writes import entries, signals as writes
from stemtide.protocol.enums import Role, SignalState, WithdrawReason
from stemtide.protocol.messages.crises import CrisisOut
from stemtide.protocol.messages.signals import SharedSignal, SignalIn, TitleIn, WithdrawIn


@dataclass(slots=True)
class _Step:
    """The state of the page in one request.

    is_refused: what was sent cannot be used. is_bound: the marks were on the page that was sent.
    waits: why signals would wait for a second person, which the page says before they are shared.
    """

    content: ContentForm
    marks: MarksForm
    items: list[Item]
    crises: list[CrisisOut]
    is_refused: bool
    is_bound: bool
    waits: tuple[str, ...] = ()


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def share(request: SignedInRequest) -> HttpResponse:
    """Show the form, preview what it sends, and share it."""
    by, now = actor_of(request), datetime.now(UTC)
    rules.check_share(kind=by.kind)
    step = _read_step(request)
    name = request.POST.get("step", "") if request.method == "POST" else ""
    if name == "measure":
        return _measured(step)
    if name == "share" and _is_ready(step, request) and (url := _share(step, request, now=now)):
        return redirect(url)
    if step.items:
        count_heavy_search(request)
    is_refused = step.is_refused or (step.is_bound and bool(step.marks.errors))
    context = _context(step, request, now=now)
    return render(request, "desk/share/share.html", context, status=422 if is_refused else 200)


@require_safe
@signed_in
def done(request: SignedInRequest) -> HttpResponse:
    """Show the share, the parties that it reaches, and the form that takes it back."""
    viewer, now = request.user.party, datetime.now(UTC)
    contents = _contents(request.GET.getlist("content"))
    rows = shares.own_shares(contents, viewer=viewer)
    groups: dict[UUID, list[shares.SharedRow]] = {}
    for row in rows:
        groups.setdefault(row.content, []).append(row)
    live = [row for row in rows if row.state == "live"]
    context = {
        "groups": list(groups.values()),
        "live": len(live),
        "waiting": len(second_looks.waiting_of(contents, by=viewer)),
        "total": len(rows),
        "sent": [content.hex for content in contents],
        "reach": shares.reach(contents, viewer=viewer, now=now) if live else None,
        "again": _share_url(request.GET.get("crisis", "")),
        "crisis": uuid_or_none(request.GET.get("crisis")),
    }
    return render(request, "desk/share/done.html", context)


@require_POST
@signed_in
@writers_only
def undo(request: SignedInRequest) -> HttpResponse:
    """Withdraw all live signals of a share, and name the parties that it had reached."""
    viewer, now = request.user.party, datetime.now(UTC)
    contents = _contents(request.POST.getlist("content"))
    reached = shares.reach(contents, viewer=viewer, now=now)
    count, waiting = writes.withdraw_shares(
        contents,
        body=WithdrawIn(reason=WithdrawReason.MISTAKE),
        by=viewer,
        now=now,
        actor_ref=request.user.ref,
        role=Role(request.user.role),
    )
    if count:
        messages.success(request, _undone_text(count, reached))
    if waiting:
        messages.warning(request, _waiting_text(waiting))
    if not count and not waiting:
        messages.error(request, _("Nothing was live any more: it was withdrawn before."))
    return redirect(_done_url([content.hex for content in contents], request.POST.get("crisis")))


def _read_step(request: SignedInRequest) -> _Step:
    """Return the forms and items that a request sends; errors are in the forms."""
    viewer = request.user.party
    crisis_rows = [
        crisis
        for crisis in crises.crises(viewer=viewer)
        if crisis.accepts_signals and crisis.in_room
    ]
    posted = request.POST if request.method == "POST" else None
    content = ContentForm(posted, request.FILES if posted is not None else None)
    others = [(party.name, party.title) for party in parties.parties() if party.name != viewer.name]
    is_bound = posted is not None and "severity" in posted
    items = _collect(content, request) if posted is not None else []
    initial = _initial_marks(request, crisis_rows, viewer=viewer)
    marks = MarksForm(
        posted if is_bound else None,
        crises=crisis_rows,
        parties=others,
        initial=initial | {"language": item_texts.language_of(items)},
    )
    if posted is not None and not items and not content.errors:
        nothing = _("Write a hash, a web address or a text, or choose a file.")
        content.add_error("value", nothing)
    is_refused = posted is not None and bool(content.errors)
    if posted is not None and not is_refused:  # what was typed is among the items now
        content = ContentForm(initial={"agree": content.cleaned_data["agree"]})
    return _Step(content, marks, items, crisis_rows, is_refused=is_refused, is_bound=is_bound)


def _initial_marks(
    request: HttpRequest, crisis_rows: Iterable[CrisisOut], *, viewer: Viewer
) -> dict[str, object]:
    """Return the marks that the room suggests."""
    uid = uuid_or_none(request.GET.get("crisis"))
    crisis = next((row for row in crisis_rows if row.id == uid), None)
    if crisis is None:
        return default_marks(None)
    marks = default_marks(shares.latest_marks(crisis.id, viewer=viewer))
    return marks | {"crisis": str(crisis.id), "exercise": crisis.exercise}


def _collect(content: ContentForm, request: SignedInRequest) -> list[Item]:
    """Return the items of earlier steps and the new ones; put refusals into the form."""
    try:
        earlier = item_texts.read_items(request.POST.get("items", ""))
    except InvalidError as error:
        content.is_valid()
        content.add_refusal(error)
        return []
    left_out = set(request.POST.getlist("omit"))
    listed = [item for item in earlier if item.content.hex not in left_out]
    if not content.is_valid():
        return listed
    for add in (_typed, _uploaded):
        try:
            new = add(content, request)
            check_amount([*listed, *new])
            listed += new
        except InvalidError as error:
            content.add_refusal(error)
    return listed


def _typed(content: ContentForm, request: SignedInRequest) -> list[Item]:
    """Return what was typed, as items. raises: InvalidError."""
    value = content.cleaned_data["value"]
    if not value:
        return []
    if typed := item_texts.typed_items(value):
        return typed
    if not content.cleaned_data["agree"]:
        content.require_consent()
        return []
    count_heavy_search(request)
    return [item_of_text(value)]


def _uploaded(content: ContentForm, request: SignedInRequest) -> list[Item]:
    """Return the uploaded file as an item. raises: InvalidError."""
    file = content.cleaned_data["file"] if "agree" not in content.errors else None
    if file is None:
        return []
    count_heavy_search(request)
    return [item_of_file(file)]


def _measured(step: _Step) -> HttpResponse:
    """Return the fingerprints of a file or text as JSON, for the page's script."""
    if step.is_refused:
        reasons = [str(reason) for reasons in step.content.errors.values() for reason in reasons]
        return JsonResponse({"error": " ".join(reasons)}, status=422)
    return JsonResponse({"items": [item.model_dump(mode="json") for item in step.items]})


def _is_ready(step: _Step, request: SignedInRequest) -> bool:
    """Whether there is something to share, all of which was on the page before."""
    is_new = bool(request.POST.get("value", "").strip()) or bool(request.FILES)
    return bool(step.items) and not is_new and not step.is_refused and step.marks.is_valid()


def _share(step: _Step, request: SignedInRequest, *, now: datetime) -> str:
    """Share the items, and return the address of the next page; "" if the hub refuses."""
    party = request.user.party
    facts = step.marks.facts(now=now)
    try:
        ready = shareable(rows_of(step.items), facts, by=party, now=now)
        bodies = ready.signals
        if not _may_go_on(step, ready, knows_waits=request.POST.get("waits") == "known"):
            return ""
        placed: Sequence[SharedSignal | None]
        if len(bodies) == 1:
            placed = [writes.share(bodies[0], by=party, now=now, actor_ref=request.user.ref)]
        else:
            out = writes.share_many(bodies, by=party, now=now, actor_ref=request.user.ref)
            placed = out.signals
        if title := step.marks.cleaned_data["title"]:
            _give_titles(title, bodies, placed, by=actor_of(request), now=now)
    except ValidationError as error:
        step.marks.add_error(None, str(error.errors()[0]["msg"]))
        return ""
    except BulkRefusedError as error:
        step.marks.add_error(None, error.errors[0].message)
        return ""
    except RefusalError as error:
        step.marks.add_error(None, field_error_text(error))
        return ""
    shared = dict.fromkeys(body.content.hex for body in bodies if body.content)
    return _done_url(shared, str(facts["crisis"] or ""))


def _give_titles(
    title: str,
    bodies: Sequence[SignalIn],
    placed: Sequence[SharedSignal | None],
    *,
    by: Actor,
    now: datetime,
) -> None:
    """Give the title to the first live signal of each piece of content; number further ones."""
    named: set[UUID | None] = set()
    for body, signal in zip(bodies, placed, strict=True):
        if signal is None or signal.state is not SignalState.LIVE or body.content in named:
            continue
        named.add(body.content)
        text = f"{title[:74]} ({len(named)})" if len(named) > 1 else title
        entries.name(
            signal.id,
            body=TitleIn(title=text),
            by=by.party,
            now=now,
            through=by.ref,
            role=by.role,
        )


def _may_go_on(step: _Step, ready: Shareable, *, knows_waits: bool) -> bool:
    """Whether to share now; if not, the page says why."""
    if ready.refused:
        field, reason = ready.refused[0].field, ready.refused[0].message or ""
        step.marks.add_error(field if field in step.marks.fields else None, reason)
        return False
    if not ready.signals:
        step.marks.add_error(None, _("Nothing here is new: your party shares it already."))
        return False
    if ready.waits and not knows_waits:
        step.waits = ready.waits
        return False
    return True


def _context(step: _Step, request: SignedInRequest, *, now: datetime) -> dict[str, Any]:
    """Return the template context."""
    marks = step.marks
    if step.is_bound and marks.is_valid():
        exercise = bool(marks.facts(now=now)["exercise"])
    else:
        exercise = bool(marks["exercise"].value())
    previews = preview(step.items, viewer=request.user.party, exercise=exercise, now=now)
    crisis = uuid_or_none(request.GET.get("crisis"))
    return {
        "content": step.content,
        "marks": marks,
        "items": item_texts.write_items(step.items),
        "previews": previews,
        "waits": step.waits,
        "can_share": any(item.is_shareable for item in previews),
        "titles": party_titles(),
        "has_addresses": any(item.url for item in step.items),
        "crisis": next((row for row in step.crises if row.id == crisis), None),
        "most_items": MAX_ITEMS,
        "most_mib": MAX_UPLOAD_BYTES >> 20,
        "most_bytes": MAX_UPLOAD_BYTES,
        "hub_address": request.build_absolute_uri("/").rstrip("/"),
    }


def _contents(names: Iterable[str]) -> list[UUID]:
    """Return the ids of pieces of content in a request."""
    uids = [uuid_or_none(name) for name in list(names)[:MAX_ITEMS]]
    return [uid for uid in uids if uid is not None]


def _undone_text(count: int, reached: shares.ShareReach) -> str:
    """Return the withdrawn signals, and the parties that they had reached."""
    text = ngettext("Withdrawn: %(count)d signal.", "Withdrawn: %(count)d signals.", count) % {
        "count": count
    }
    if reached.fetched:
        names = ", ".join(reached.fetched)
        return (
            text
            + " "
            + _("It had reached agents of: %(names)s. They undo what they did.") % {"names": names}
        )
    return text + " " + _("No agent that you can see had reported that it read it.")


def _waiting_text(count: int) -> str:
    """Return how many withdrawals wait for a second person."""
    return ngettext(
        "%(count)d withdrawal waits for a second person. Until then agents hold what it matches.",
        "%(count)d withdrawals wait for a second person. Until then agents hold what they match.",
        count,
    ) % {"count": count}


def _done_url(contents: Iterable[str], crisis: str | None) -> str:
    """Return the address of the page after a share."""
    query = [("content", content) for content in contents]
    if crisis and uuid_or_none(crisis):
        query.append(("crisis", crisis))
    return f"{reverse('share-done')}?{urlencode(query)}"


def _share_url(crisis: str) -> str:
    """Return the address of the share page for a crisis, or for none."""
    uid = uuid_or_none(crisis)
    return f"{reverse('share')}?crisis={uid}" if uid else reverse("share")
