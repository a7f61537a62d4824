# SPDX-License-Identifier: Apache-2.0
"""Page to enter an order that was made elsewhere, in two steps; and the download of its document.

The first step keeps the document and checks everything; nothing is entered before the second.

source: decision 0151.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.forms import BoundField
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in, writers_only
from stemtide.hub.desk.documents import DOCUMENT_BUSY, VERDICTS
from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.desk.orders.annex_forms import AnnexForm, language
from stemtide.hub.desk.orders.entry_forms import EntryForm
from stemtide.hub.desk.orders.views import note_arrival
from stemtide.hub.platform.documents.verification import AnotherDocumentError
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.rooms.orders.reads import entries, orders as reads
from stemtide.hub.rooms.orders.rules.entries import head_of, readable
from stemtide.hub.rooms.orders.writes import entries as writes
from stemtide.hub.rooms.parties.reads import parties
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.referrals import ContentType
from stemtide.protocol.law.deadlines import execute_due
from stemtide.protocol.law.forms import Section, form
from stemtide.protocol.messages.documents import Verification
from stemtide.protocol.messages.orders import EnterIn, OrderDocumentOut, OrderOut, Values


@dataclass(frozen=True, slots=True)
class EntryPage:
    """The page: its forms, the document that was kept, and the order that passed all checks."""

    entry: EntryForm
    annex: AnnexForm
    document: OrderDocumentOut | None = None
    body: EnterIn | None = None
    is_read: bool = False

    @property
    def version(self) -> str:
        """Return a digest of the checked order, which shows whether it was changed since."""
        text = self.body.model_dump_json() if self.body else ""
        return sha256(text.encode()).hexdigest()


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@writers_only
def enter(request: SignedInRequest) -> HttpResponse:
    """Show the form, check the submitted data, and enter the order once that is confirmed."""
    by, now = actor_of(request), datetime.now(UTC)
    entries.check_may_enter(by)
    if request.method != "POST":
        initial: dict[str, object] = {"language": language()[:2], "content_type": ContentType.OTHER}
        page = EntryPage(_entry_form(by, initial=initial), _annex_form(None))
        return _render(request, page, by=by, now=now)
    page = _sent(request, by=by, now=now)
    if page.body is None:
        return _render(request, page, by=by, now=now, status=422)
    is_confirmed = request.POST.get("do") == "enter" and request.POST.get("confirm")
    if not is_confirmed or request.POST.get("seen") != page.version:
        return _render(request, page, by=by, now=now)
    try:
        order = writes.enter(page.body, by=by, now=now)
    except (InvalidError, ConflictError) as error:
        page.entry.add_error(None, error_text(error))
        return _render(request, page, by=by, now=now, status=422)
    messages.success(request, _("Entered. The hour runs from the true time of receipt."))
    return redirect("order", uid=order.id)


@require_safe
@signed_in
def document(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Download the document of an order that was made elsewhere; for the addressee a receipt."""
    by, now = actor_of(request), datetime.now(UTC)
    order: OrderOut = reads.order(uid, viewer=by.party, now=now)
    name, pdf = entries.content_of(reads.find(uid, viewer=by.party))
    if request.method == "GET":
        note_arrival(order, by=by, now=now)
    response = HttpResponse(pdf, content_type="application/pdf")
    response.headers["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=name or "order.pdf"
    )
    return response


def _sent(request: SignedInRequest, *, by: Actor, now: datetime) -> EntryPage:
    """Return the page with the submitted data: the document kept, and everything checked."""
    entry = _entry_form(by, data=request.POST, files=request.FILES)
    entry.is_valid()
    document_out, report = _document(entry, by=by, now=now)
    data: QueryDict = request.POST
    if report is not None and (values := readable(report)):
        data = _filled(request.POST, report=report, values=values)
        entry = _entry_form(by, data=data, files=request.FILES)
        entry.is_valid()
    annex = _annex_form(data)
    is_read = data is not request.POST
    page = EntryPage(entry, annex, document_out, is_read=is_read)
    if document_out is None:
        if "document" not in entry.errors:
            entry.add_error("document", _("Choose the PDF of the order."))
        return page
    if not (annex.is_valid() and entry.is_valid()):
        return page
    written = {name: value for name, value in annex.written().items() if value is not None}
    body = entry.entry(document=document_out.id, annex=written)
    if body is None:
        return page
    try:
        checked = entries.checked(body, by=by, now=now)
    except (InvalidError, ConflictError) as error:
        in_annex = getattr(error, "field", "").startswith("annex.")
        (annex if in_annex else entry).add_refusal(error)
        return page
    return EntryPage(entry, annex, document_out, body=checked.body, is_read=is_read)


def _document(
    entry: EntryForm, *, by: Actor, now: datetime
) -> tuple[OrderDocumentOut | None, Verification | None]:
    """Return the document of an entry, and its verification if it was sent now."""
    upload = entry.cleaned_data.get("document")
    earlier = entry.cleaned_data.get("kept")
    try:
        if upload is not None:
            pdf = upload.read()
            report = entries.verify(pdf, of=by.name, now=now)
            name = upload.name or ""
            return writes.keep_document(pdf, name=name, report=report, by=by, now=now), report
        if earlier is not None:
            row = entries.unused_document(earlier, viewer=by.party)
            return entries.describe_document(row), None
    except AnotherDocumentError:
        entry.add_error("document", DOCUMENT_BUSY)
    except InvalidError as error:
        entry.add_refusal(error)
    return None, None


def _filled(sent: QueryDict, *, report: Verification, values: Values) -> QueryDict:
    """Return the submitted data, with entries of the document where nothing was typed."""
    data = sent.copy()
    reference, issued_at = head_of(report)
    shown = AnnexForm(annex=form("tco-annex-1"), values=values, prefix="annex")
    entered: dict[str, object] = {f"annex-{name}": value for name, value in shown.initial.items()}
    entered |= {"reference": reference, "issued_at": issued_at}
    for name, value in entered.items():
        if value in (None, "", [], False) or any(data.getlist(name)):
            continue
        many = value if isinstance(value, list) else [value]
        data.setlist(name, [_typed(item) for item in many])
    return data


def _typed(value: object) -> str:
    """Return a value as people type it into the form."""
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%dT%H:%M:%S}"
    return "on" if value is True else str(value)


def _entry_form(
    by: Actor,
    *,
    data: QueryDict | None = None,
    files: "MultiValueDict[str, UploadedFile[Any]] | None" = None,
    initial: dict[str, object] | None = None,
) -> EntryForm:
    """Return the form of an actor, with the submitted data."""
    rows = parties.parties()
    return EntryForm(
        data,
        files,
        initial=initial or {},
        is_provider=by.kind is PartyKind.PROVIDER,
        authorities=[(row.name, row.title) for row in rows if row.kind == PartyKind.AUTHORITY],
        providers=[(row.name, row.title) for row in rows if row.kind == PartyKind.PROVIDER],
    )


def _annex_form(data: QueryDict | None) -> AnnexForm:
    """Return the form of Annex I."""
    return AnnexForm(data, annex=form("tco-annex-1"), prefix="annex")


def _render(
    request: SignedInRequest, page: EntryPage, *, by: Actor, now: datetime, status: int = 200
) -> HttpResponse:
    """Render the page."""
    due_at = execute_due(page.body.received_at) if page.body else None
    annex = page.annex
    context = {
        "now": now,
        "is_provider": by.kind is PartyKind.PROVIDER,
        "form": page.entry,
        "document": page.document,
        "verdict": VERDICTS[page.document.verdict] if page.document else None,
        "is_read": page.is_read,
        "body": page.body,
        "seen": page.version,
        "due_at": due_at,
        "is_over": due_at is not None and now > due_at,
        "wrong": [*page.entry.non_field_errors(), *annex.non_field_errors()],
        "urls": annex["urls"],
        "parts": [
            (section.name, section.title.within(language()), fields)
            for section in annex.annex.sections
            if (fields := _fields(annex, section))
        ],
        "is_asked": request.POST.get("do") == "enter",
        "is_open": any(name != "urls" for name in annex.errors),
    }
    return render(request, "desk/orders/enter.html", context, status=status)


def _fields(annex: AnnexForm, section: Section) -> list[BoundField]:
    """Return the fields of a section, without the addresses, which stand above."""
    names = [field.name for field in section.fields if field.name in annex.fields]
    return [annex[name] for name in names if name != "urls"]
