# SPDX-License-Identifier: Apache-2.0
"""Make a party's records of processing activities from the rules and from its rows.

source: Regulation (EU) 2016/679 Art. 30; Directive (EU) 2016/680 Art. 24; Regulation (EU) 2016/794
Art. 39a.
"""

from datetime import datetime

from django.db.models import Q

from stemtide.hub.rooms.orders.models import Preservation
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import people
from stemtide.hub.rooms.retention.reads.rows import KINDS
from stemtide.hub.rooms.rights import rules as rights_rules
from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.enums.rights import DataLaw
from stemtide.protocol.law.records import ActivityRule, records
from stemtide.protocol.law.records.messages import ActivityOut, RecordsOut
from stemtide.protocol.law.retention import RowClass, retention
from stemtide.protocol.law.rights import rights


def records_of(*, viewer: Party, now: datetime, law: DataLaw | None = None) -> RecordsOut:
    """Return the records of a party. law: another one that may bind its kind.

    raises: InvalidError for a law that does not.
    """
    kind, version = PartyKind(viewer.kind), records()
    binding = rights_rules.law_of(kind, named=law)
    return RecordsOut(
        party=viewer.name,
        title=viewer.title,
        country=viewer.country,
        officers=people.officers(viewer=viewer),
        law=binding,
        source=version.laws[binding].source,
        rules=[version.name, retention().name, rights().name],
        profiling=False if version.laws[binding].asks_profiling else None,
        at=now,
        activities=[
            _activity(rule, viewer=viewer, kind=kind)
            for rule in version.activities.values()
            if kind in rule.written_by
        ],
    )


def _activity(rule: ActivityRule, *, viewer: Party, kind: PartyKind) -> ActivityOut:
    """Return one activity: its term, purpose and bases are those of the rules of retention."""
    terms, term = retention(), retention().classes[rule.name]
    readers = terms.purposes[term.purpose].readers
    used, rows = _used(rule.name, viewer=viewer)
    bases = [term.bases[kind], *sorted(used - {term.bases[kind]})]
    return ActivityOut(
        row_class=rule.name,
        purpose=term.purpose,
        bases=bases,
        basis_sources=[terms.bases[basis].source for basis in bases],
        subjects=list(rule.subjects),
        data=list(rule.data),
        recipients=sorted(readers or rule.recipients),
        months=term.months,
        after_end=term.after_end,
        term_source=term.source,
        measures=[*records().measures, *rule.measures],
        rows=rows,
    )


def _used(row_class: RowClass, *, viewer: Party) -> tuple[set[LegalBasis], int]:
    """Return the legal bases that rows of a party have, and how many rows there are."""
    if row_class is RowClass.PRESERVATION:
        own = Q(entered_by=viewer) | Q(order__issued_by=viewer) | Q(order__addressee=viewer)
        rows = Preservation.objects.filter(own, destroyed_at=None)
    else:
        row_kind = KINDS[row_class]
        rows = row_kind.rows.filter(**{row_kind.party: viewer, row_kind.gone: None})
    named = rows.order_by().exclude(legal_basis=None).values_list("legal_basis", flat=True)
    return {LegalBasis(basis) for basis in named.distinct() if basis}, rows.count()
