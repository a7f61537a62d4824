# SPDX-License-Identifier: Apache-2.0
"""Messages about records of processing activities."""

from pydantic import AwareDatetime, BaseModel

from stemtide.protocol.enums import PartyKind
from stemtide.protocol.enums.records import DataCategory, SecurityMeasure, SubjectCategory
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.enums.rights import DataLaw
from stemtide.protocol.law.retention import RetentionPurpose, RowClass


class ActivityOut(BaseModel):
    """One processing activity of a party.

    bases: the legal basis by default first, then others that its rows have now.
    months: from when a row is written; after_end: more months after its end.
    rows: that the hub keeps now for this party.
    """

    row_class: RowClass
    purpose: RetentionPurpose
    bases: list[LegalBasis]
    basis_sources: list[str]
    subjects: list[SubjectCategory]
    data: list[DataCategory]
    recipients: list[PartyKind]
    months: int
    after_end: int
    term_source: str
    measures: list[SecurityMeasure]
    rows: int


class RecordsOut(BaseModel):
    """The records of a party, by the law that binds it.

    officers: mail addresses of its data protection officers on this hub.
    rules: the versions of the rules that the records were made from.
    profiling: false, as the hub makes no profiles of people; None if the law does not ask.
    """

    party: str
    title: str
    country: str
    officers: list[str]
    law: DataLaw
    source: str
    rules: list[str]
    profiling: bool | None = None
    at: AwareDatetime
    activities: list[ActivityOut]
