# SPDX-License-Identifier: Apache-2.0
"""The ledger of a party: filtered by kind, party, person, subject and day; exported as a file."""

import csv
import io
import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, actor_of, signed_in
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.ledger_sentences import ENTRY_PHRASES, as_sentences
from stemtide.hub.platform.permissions import check_may_read_ledger_by_person
from stemtide.hub.platform.postgresql.replica import reading_each, reads_replica
from stemtide.hub.platform.request_threads import pull
from stemtide.hub.rooms.ledger.reads import history, ledger
from stemtide.hub.rooms.ledger.reads.history import LedgerFilter
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.ledger.writes.reading import note_ledger_exported
from stemtide.hub.rooms.parties.reads import parties, people
from stemtide.hub.rooms.parties.reads.parties import Actor

COLUMNS = ("number", "recorded_at", "kind", "actor", "subject", "exercise", "detail")
"""Columns of an exported file."""

THROUGH = "through"
"""The detail that names the person or key that acted."""

_LONGEST = 80


class LedgerForm(DeskForm):
    """The filter of the ledger. Everything is optional."""

    use_required_attribute = False
    whose = forms.ChoiceField(
        label=_("Whose"),
        choices=[("own", _("Your party")), ("all", _("All that your party may see"))],
        required=False,
    )
    reads = forms.BooleanField(label=_("Only who read or exported something"), required=False)
    kind = forms.CharField(
        label=_("Kind"),
        help_text=_("Such as lead, or lead.read."),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    party = forms.ChoiceField(label=_("Party"), required=False)
    person = forms.ChoiceField(label=_("Person or key of your party"), required=False)
    subject = forms.CharField(
        label=_("About"),
        help_text=_("As an entry names it, such as signal: and its id."),
        required=False,
        max_length=_LONGEST,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
    )
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, data: QueryDict, *, names: dict[str, str]) -> None:
        super().__init__(data)
        titles = sorted(parties.party_titles().items(), key=lambda row: row[1])
        self._choose("party", titles)
        self._choose("person", sorted(names.items(), key=lambda row: row[1]))

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        """Set the choices of a field, with none of them first."""
        field = cast("forms.ChoiceField", self.fields[name])
        field.choices = [("", _("any")), *choices]

    def chosen(self) -> LedgerFilter:
        """Return the filter; an invalid field selects nothing of its own."""
        self.is_valid()
        fields = self.cleaned_data
        until = fields.get("until")
        return LedgerFilter(
            is_own=fields.get("whose") != "all",
            is_read=bool(fields.get("reads")),
            kind=fields.get("kind") or "",
            party=fields.get("party") or "",
            person=fields.get("person") or "",
            subject=fields.get("subject") or "",
            since=_start(fields.get("since")),
            until=_start(until + timedelta(days=1)) if until and until < date.max else None,
        )


@require_safe
@signed_in
@reads_replica
def entries(request: SignedInRequest) -> HttpResponse:
    """Show a page of entries, newest first; ?before= is the next one."""
    by = actor_of(request)
    check_may_read_ledger_by_person(by.role)
    names = _names(by)
    return _page(request, LedgerForm(request.GET, names=names), by=by, names=names)


def _page(
    request: SignedInRequest, form: LedgerForm, *, by: Actor, names: dict[str, str]
) -> HttpResponse:
    """Render a page of entries; 422 if the filter of an export is invalid."""
    sent = cast("QueryDict", form.data)
    before = sent.get("before", "")
    rows = history.page(
        form.chosen(),
        viewer=by.party,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,  # noqa: PLR2004  # digits of a number
    )
    query = sent.copy()
    for name in ("before", "as", "csrfmiddlewaretoken"):
        query.pop(name, None)
    context = {
        "form": form,
        "rows": [
            _shown(row, line, names=names)
            for row, line in zip(rows, as_sentences(rows), strict=True)
        ],
        "next": rows[-1].number if len(rows) == history.PAGE else None,
        "query": query.urlencode(),
        "filter": list(query.items()),
        "kinds": sorted(ENTRY_PHRASES),
    }
    is_refused = request.method == "POST"
    return render(request, "desk/officer/ledger.html", context, status=422 if is_refused else 200)


@require_POST
@signed_in
def export(request: SignedInRequest) -> HttpResponse:
    """Download entries as CSV or JSON lines, oldest first. The ledger records it."""
    by, now = actor_of(request), datetime.now(UTC)
    check_may_read_ledger_by_person(by.role)
    names = _names(by)
    form = LedgerForm(request.POST, names=names)
    if not form.is_valid():  # less of a filter would export more
        return _page(request, form, by=by, names=names)
    chosen = form.chosen()
    as_csv = request.POST.get("as") == "csv"
    note_ledger_exported(
        "csv" if as_csv else "jsonl", filter_digest=chosen.digest(), by=by, now=now
    )
    head = ledger.heads().entries
    parts = history.stream(chosen, viewer=by.party, until_number=head)
    write = _csv if as_csv else _json_lines
    response = StreamingHttpResponse(
        pull(_csv_line(COLUMNS) if as_csv else b"", (write(part) for part in reading_each(parts))),
        content_type="text/csv; charset=utf-8" if as_csv else "application/x-ndjson",
    )
    name = f"ledger-{by.name}.{'csv' if as_csv else 'jsonl'}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return cast("HttpResponse", response)


def _shown(row: EntryRow, line: Any, *, names: dict[str, str]) -> dict[str, object]:  # noqa: ANN401  # a sentence
    """Return an entry for the page: its sentence, its names and its facts."""
    through = str(row.detail.get(THROUGH, ""))
    facts = {name: fact for name, fact in row.detail.items() if name != THROUGH}
    return {
        "row": row,
        "line": line,
        "through": names.get(through, through),
        "person": through,
        "facts": json.dumps(facts, ensure_ascii=False, default=str) if facts else "",
    }


def _names(by: Actor) -> dict[str, str]:
    """Return the people and keys of a party by their names in the ledger."""
    rows = people.people(by=by, idle=settings.SESSION_IDLE_TIMEOUT, now=datetime.now(UTC))
    keys = parties.keys(viewer=by.party)
    return {f"person:{row.number}": row.email or f"person:{row.number}" for row in rows} | {
        f"key:{key.prefix}": f"{key.name} (st_{key.prefix}_…)" for key in keys
    }


def _start(day: date | None) -> datetime | None:
    """Return when a day begins in the reader's time zone; None for none."""
    return timezone.make_aware(datetime.combine(day, time())) if day else None


def _facts(row: EntryRow) -> dict[str, object]:
    """Return an entry as an exported file has it."""
    return {
        "number": row.number,
        "recorded_at": row.recorded_at.astimezone(UTC).isoformat(),
        "kind": row.kind,
        "actor": row.actor,
        "subject": row.subject,
        "exercise": row.exercise,
        "detail": row.detail,
    }


def _csv(rows: list[EntryRow]) -> bytes:
    """Return entries as lines of CSV (RFC 4180)."""
    lines = []
    for row in rows:
        facts = _facts(row) | {"detail": json.dumps(row.detail, ensure_ascii=False, default=str)}
        lines.append(_csv_line([facts[name] for name in COLUMNS]))
    return b"".join(lines)


def _csv_line(cells: Any) -> bytes:  # noqa: ANN401  # of any kind
    """Return one line of CSV."""
    out = io.StringIO(newline="")
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def _json_lines(rows: list[EntryRow]) -> bytes:
    """Return entries as JSON, one a line."""
    texts = (json.dumps(_facts(row), ensure_ascii=False, default=str) for row in rows)
    return "".join(f"{text}\n" for text in texts).encode()
