# SPDX-License-Identifier: Apache-2.0
"""Typeset timelines and reports as PDF, from our own templates and data alone.

hub/platform/documents/typesetting.py turns data into PDF.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from django.utils.translation import get_language, gettext as _

from stemtide.hub.platform.documents.typesetting import typeset
from stemtide.hub.rooms.reports.drafts import TitleOf, plain_title
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.law.yearly import (
    YearlyFigure,
    YearlyForm,
    YearlyKind,
    YearlyPiece,
    YearlyReport,
)
from stemtide.protocol.messages.reports import (
    Cell,
    Figures,
    ReportOut,
    TimelineEntry,
    TimelineExport,
)

TEMPLATES = Path(__file__).parent / "paper"


def timeline_pdf(
    export: TimelineExport, *, titles: Mapping[str, str], acts: Mapping[str, str]
) -> bytes:
    """Return a timeline as PDF.

    titles: parties' titles by how the ledger names them; acts: what a kind of entry says.
    """
    document: dict[str, object] = {
        "title": _("Timeline: %s") % export.name,
        "exercise": _("EXERCISE") if export.exercise else "",
        "tlp": f"TLP:{export.tlp.upper()}",
        "facts": [
            [_("Crisis"), str(export.crisis)],
            [_("Framework"), export.framework],
            [_("As read by"), export.made_by],
            [_("Made"), _moment(export.made_at)],
            [_("Hub"), str(export.hub)],
            [_("Ledger's highest number then"), str(export.head)],
            [_("Entries"), str(len(export.entries))],
            [_("Of these with names withheld"), str(export.withheld)],
        ],
        "note": _("Every entry stands in the ledger and is never changed. Times are UTC."),
        "heads": [_("No."), _("Time"), _("Who"), _("What"), _("On what, and facts")],
        "rows": [_row(entry, titles=titles, acts=acts) for entry in export.entries],
    }
    return _typeset("timeline.typ", document)


def _row(entry: TimelineEntry, *, titles: Mapping[str, str], acts: Mapping[str, str]) -> list[str]:
    """Return a ledger entry as the cells of a row."""
    facts = ", ".join(f"{name}: {_plain(value)}" for name, value in entry.detail.items())
    return [
        str(entry.number),
        _moment(entry.recorded_at),
        titles.get(entry.actor, entry.actor),
        str(acts.get(entry.kind, entry.kind)),
        f"{entry.subject} {facts}".strip(),
    ]


def _plain(value: object) -> str:
    """Return a fact as a word."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def report_pdf(
    report: ReportOut, *, titles: Mapping[str, str], title_of: TitleOf = plain_title
) -> bytes:
    """Return a post-crisis report as PDF.

    titles: parties' titles by name. title_of: returns the label of a stored word of a given type.
    """
    is_draft = report.published_at is None
    document: dict[str, object] = {
        "title": _("Post-crisis report: %s") % report.crisis_name,
        "exercise": _("EXERCISE") if report.exercise else _("DRAFT") if is_draft else "",
        "tlp": "TLP:CLEAR" if report.audience == "public" else "TLP:AMBER",
        "facts": [
            [_("Report"), f"{report.id}, {_('version')} {report.version}"],
            [_("Framework"), _(framework(report.framework).title)],
            *_hands(report, titles=titles),
            [_("Figures as seen by"), titles.get(report.figures.seen_by, report.figures.seen_by)],
            [_("Ledger's highest number then"), str(report.figures.head)],
        ],
        "sections": [
            {
                "title": _(section.title),
                "asks": _(section.asks),
                "source": section.source,
                "text": section.text,
            }
            for section in report.sections
        ],
        "figures": _figures(report, title_of=title_of),
        "figures_title": _("Figures"),
        "figures_note": _(
            "Counts of all providers together. A count is withheld where fewer than four providers"
            " are in it, where it is below ten, or where what is left without its two largest parts"
            " would let one of them reckon the other; and the sum is withheld with it."
        ),
        "nothing": _("Nothing is written here."),
        **_debrief(report, titles=titles, title_of=title_of),
    }
    return _typeset("report.typ", document)


def _debrief(
    report: ReportOut, *, titles: Mapping[str, str], title_of: TitleOf
) -> dict[str, object]:
    """Return actions and notes for the document template."""
    return {
        "actions_title": _("Follow-up actions"),
        "actions_heads": [_("What"), _("Who"), _("Until"), _("Done")],
        "actions": [
            [
                action.text,
                titles.get(action.owner, action.owner),
                action.due.isoformat(),
                _moment(action.done_at) if action.done_at else _("not yet"),
            ]
            for action in report.actions
        ],
        "notes_title": _("Debrief notes"),
        "notes_heads": [_("About"), _("Who"), _("Note")],
        "notes": [
            [title_of(note.topic, "topic"), titles.get(note.added_by, note.added_by), note.text]
            for note in report.notes
        ],
    }


def _hands(report: ReportOut, *, titles: Mapping[str, str]) -> list[list[str]]:
    """Return who opened, agreed and published the report, and when."""
    signatures = [
        (_("Opened"), report.opened_by, report.opened_at),
        (_("Agreed"), report.agreed_by, report.agreed_at),
        (_("Published"), report.published_by, report.published_at),
    ]
    return [
        [act, f"{titles.get(who, who)}, {_moment(at)}"] for act, who, at in signatures if who and at
    ]


def _figures(report: ReportOut, *, title_of: TitleOf) -> list[dict[str, object]]:
    """Return the figures as small tables."""
    figures = report.figures
    rows: list[dict[str, object]] = [
        {
            "title": _("Times"),
            "rows": [
                [title_of(moment.name, "moment"), _moment(moment.at), _after(moment.after_s)]
                for moment in figures.moments
            ],
        },
        {
            "title": _("Sums"),
            "rows": [
                [_("signals"), str(figures.signals)],
                [_("disputed signals"), str(figures.disputed)],
                [_("providers that reported"), str(figures.providers)],
                [_("public lines agreed"), str(figures.public_lines)],
            ],
        },
    ]
    return rows + [
        {
            "title": title,
            "rows": [[title_of(cell.name, of), _count(cell)] for cell in cells],
            "shares": _shares(cells),
        }
        for title, of, cells in _tables(figures)
        if cells
    ]


def _tables(figures: Figures) -> list[tuple[str, str, list[Cell]]]:
    """Return the tables of counts: their titles, the types of their words, and their cells."""
    return [
        (_("Checklist"), "answer", figures.checks),
        (_("Participants"), "participants", figures.participants),
        (_("Signals by kind"), "kind", figures.signals_by_kind),
        (_("Signals by label"), "label", figures.signals_by_label),
        (_("Signals by state"), "state", figures.signals_by_state),
        (_("Withdrawals by reason"), "reason", figures.withdrawn_by_reason),
        (_("Opinions"), "opinion", figures.opinions),
        (
            _("Outcomes at providers"),
            "outcome",
            [*figures.outcomes, Cell(name="all", count=figures.matches)],
        ),
        (_("Messages in the log"), "message", figures.messages_by_kind),
    ]


def _shares(cells: list[Cell]) -> list[float]:
    """Return the lengths of the bars: shares of the largest count, 0 where it is withheld."""
    largest = max((cell.count or 0 for cell in cells), default=0) or 1
    return [round((cell.count or 0) / largest, 3) for cell in cells]


def yearly_pdf(report: YearlyReport, *, title: str) -> bytes:
    """Return a yearly report as PDF. title: its party's. It is a draft while figures are missing.

    Notes for the author are on drafts only.
    """
    mark = _("EXERCISE") if report.exercise else "" if report.is_whole else _("DRAFT")
    is_return = report.form is YearlyForm.ART_21
    until = _("To be sent to the Commission before") if is_return else _("To be published before")
    due = [[until, report.due.isoformat()]] if report.due else []
    document: dict[str, object] = {
        "title": f"{_(report.title)}, {report.year}",
        "exercise": mark,
        "tlp": "",
        "facts": [
            *([[_("Member State"), report.country]] if report.country else []),
            [_("Of"), title],
            [_("Source"), report.source],
            [_("Counted until"), _moment(report.until)],
            *due,
            [_("Made"), _moment(report.made_at)],
            [_("Ledger's highest number then"), str(report.head)],
        ],
        "empty": _(report.nothing) if report.is_empty else "",
        "parts": [
            {
                "title": f"{part.name}) {_(part.title)}",
                "article": part.article,
                "note": _(part.note) if part.note else "",
                "figures": [_yearly_figure(figure) for figure in part.figures],
            }
            for part in report.parts
        ],
        "heads": [_("Figure"), _("Count")],
        "caution": "" if report.is_whole else _(report.caution),
        "remark": _(report.remark) if report.from_memory and not report.is_whole else "",
    }
    return _typeset("yearly.typ", document)


def _yearly_figure(figure: YearlyFigure) -> dict[str, object]:
    """Return a figure for the document template."""
    is_missing = not (figure.is_known or figure.is_given)
    beside = "" if figure.is_asked else _("Not asked for by the article.")
    origin = _("As the party states it.") if figure.is_given else ""
    return {
        "title": _(figure.title),
        "notes": [note for note in (beside, origin, _(figure.note) if figure.note else "") if note],
        "is-words": figure.kind is YearlyKind.WORDS,
        "text": figure.text,
        "count": "" if figure.count is None else f"{figure.count:,}",
        "missing": _("not known") if is_missing else "",
        "pieces": [[_piece_title(piece), f"{piece.count:,}"] for piece in figure.pieces],
    }


def _piece_title(piece: YearlyPiece) -> str:
    """Return the title of a piece of a count, and whether the article asks for it."""
    title = _(piece.title)
    return title if piece.is_asked else f"{title}. {_('Not asked for by the article.')}"


def _count(cell: Cell) -> str:
    """Return a count in words."""
    return _("withheld") if cell.count is None else str(cell.count)


def _after(seconds: int | None) -> str:
    """Return how long after the event: "+02:14:33"; "" where nobody knows when it was."""
    if seconds is None:
        return ""
    hours, rest = divmod(abs(seconds), 3600)
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


def _moment(at: datetime) -> str:
    """Return a time as documents show it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _typeset(template: str, document: Mapping[str, object]) -> bytes:
    """Return the PDF of one of this room's templates, in the active language."""
    return typeset(TEMPLATES / template, document, lang=(get_language() or "en")[:2])
