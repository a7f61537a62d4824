# SPDX-License-Identifier: Apache-2.0
"""Check published figures against the ledger: each count, the rule, and the digest."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import ValidationError

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.reports.models import PublishedFigures
from stemtide.hub.rooms.reports.reads.public.figures import shown_before
from stemtide.hub.rooms.reports.reads.recount.acts import Recount
from stemtide.hub.rooms.reports.reads.recount.requests import count_requests
from stemtide.hub.rooms.reports.reads.recount.signals import count_signals, recorded
from stemtide.hub.rooms.reports.rules.public_figures import Collected
from stemtide.hub.rooms.reports.rules.public_tables import figures_of, publish, raw_figures
from stemtide.protocol.figures import sums
from stemtide.protocol.figures.messages import PublicFigures, digest_of
from stemtide.protocol.figures.quarters import Quarter

_KIND = "figures.published"


@dataclass(slots=True)
class Checked:
    """The result of a check. faults: what does not hold. gone: tables that cannot be recomputed.

    figures: how many were compared.
    """

    quarter: str
    figures: int = 0
    faults: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


@needs_no_viewer("an operator's check")
def quarters() -> list[str]:
    """Return the quarters that the ledger or the table of figures has, oldest first."""
    days = [
        Quarter.of(first).name for first in PublishedFigures.objects.values_list("first", flat=True)
    ]
    subjects = Entry.objects.filter(kind=_KIND).values_list("subject", flat=True)
    return sorted({*days, *(subject.partition(":")[2] for subject in subjects)})


@needs_no_viewer("an operator's check")
def check(name: str) -> Checked:
    """Check the figures of a quarter. name: such as 2026-Q4."""
    result = Checked(name)
    entry = Entry.objects.filter(kind=_KIND, subject=f"figures:{name}").first()
    row = PublishedFigures.objects.filter(first=Quarter.read(name).first).first()
    if row is None or entry is None:
        there = "an entry of the ledger" if entry else "a row" if row else "nothing"
        result.faults.append(f"there is {there} of these figures, without the other")
        return result
    result.faults += _digest_faults(row, entry)
    try:
        body = PublicFigures.model_validate_json(row.body)
    except ValidationError:
        result.faults.append("the stored figures are not in the format stemtide-figures/1")
        return result
    result.faults += sums.faults(body)
    if body.head != entry.number - 1:
        result.faults.append(f"the head is {body.head}, and the entry is {entry.number}")
    quarter = Quarter.read(name)
    recount = Recount(quarter, head=entry.number - 1, at=entry.recorded_at)
    ledger = recorded(recount)
    collected = Collected(count_signals(recount, ledger=ledger))
    collected = count_requests(recount, ledger=ledger, into=collected)
    result.faults += [*recount.faults, *_differences(body, collected, recount=recount)]
    result.gone = sorted(recount.gone)
    result.figures = len(figures_of(body.tables))
    return result


def _digest_faults(row: PublishedFigures, entry: Entry) -> Iterator[str]:
    """Yield what is wrong with the digest of stored figures."""
    digest = digest_of(row.body)
    if entry.detail.get("digest") != digest:
        yield "the stored figures are others than those whose digest is in the ledger"
    if row.digest != digest:
        yield "the stored digest is not that of the stored figures"
    if row.entry != entry.number:
        yield f"the stored number of the entry is {row.entry}, and the entry is {entry.number}"


def _differences(body: PublicFigures, collected: Collected, *, recount: Recount) -> Iterator[str]:
    """Yield the figures that differ from the recount, and those that the rule treats otherwise."""
    raw = raw_figures(collected)
    shown = figures_of(body.tables)
    before = shown_before(recount.quarter)
    again = publish(collected, quarter=recount.quarter, head=recount.head, before=before)
    by_rule = figures_of(again.tables)
    for key in sorted(shown.keys() | raw.keys()):
        if key[0] in recount.gone:
            continue
        name = " / ".join(key)
        published, counted = shown.get(key), raw.get(key)
        if counted is None and key[-1] != "median_s":
            counted = 0
        if published is not None and published != counted:
            yield f"{name}: published {published:g}, the ledger gives {counted or 0:g}"
        elif recount.gone:
            continue  # what is withheld may follow from a table that is gone
        elif published is None and by_rule.get(key) is not None:
            yield f"{name}: not published, though the rule allows {by_rule[key]:g}"
        elif published is not None and by_rule.get(key) is None:
            yield f"{name}: published {published:g}, though the rule withholds it"
