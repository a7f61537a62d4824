# SPDX-License-Identifier: Apache-2.0
"""Compare the sections of a report with their drafts, word by word."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from stemtide.hub.desk.auth.people import SignedInRequest, signed_in
from stemtide.hub.rooms.reports.reads import reports as reads
from stemtide.protocol.messages.reports import SectionOut

_WORDS = re.compile(r"\S+|\n|[^\S\n]+")
_MAX_WORDS = 4_000
"""Texts of more words are shown one after the other: comparing them takes too long."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a comparison. change: "added", "removed", or "" for what is in both."""

    change: str
    text: str


@dataclass(frozen=True, slots=True)
class ComparedSection:
    """A section and how it differs from its draft. pieces: empty if it is as drafted."""

    section: SectionOut
    pieces: list[Piece]


@require_safe
@signed_in
def draft(request: SignedInRequest, uid: UUID) -> HttpResponse:
    """Show what people changed in the draft of a report."""
    viewer = request.user.party
    report, drafts = reads.report(uid, viewer=viewer), reads.stored_drafts(uid, viewer=viewer)
    compared = [
        ComparedSection(section, compare(drafts.get(section.name, ""), section.text))
        for section in report.sections
    ]
    context = {"report": report, "compared": compared}
    return render(request, "desk/report_draft.html", context)


def compare(before: str, after: str) -> list[Piece]:
    """Return the pieces of two texts in order; empty if they are equal."""
    if before == after:
        return []
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(old), len(new)) > _MAX_WORDS:
        pieces = [Piece("removed", before), Piece("added", after)]
        return [piece for piece in pieces if piece.text]
    pieces = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag == "equal":
            pieces.append(Piece("", "".join(old[first:last])))
            continue
        removed, added = "".join(old[first:last]), "".join(new[start:end])
        pieces += [Piece("removed", removed)] if removed else []
        pieces += [Piece("added", added)] if added else []
    return pieces
