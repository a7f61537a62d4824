# SPDX-License-Identifier: Apache-2.0
"""Records of processing activities say what the rules say, and count what is there."""

import csv
import io
import json

import pytest

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.retention.reads.records import records_of
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.enums import PartyKind, Role
from stemtide.protocol.enums.retention import LegalBasis
from stemtide.protocol.enums.rights import DataLaw
from stemtide.protocol.law.records import records
from stemtide.protocol.law.retention import RowClass, retention
from tests.rounds import at_night
from tests.world import NOON, hex_value

PARTIES = {
    "authority": ("led", "Directive (EU) 2016/680 Art. 24(1)"),
    "agency": ("europol", "Regulation (EU) 2016/794 Art. 39a"),
    "big_provider": ("gdpr", "Regulation (EU) 2016/679 Art. 30(1)"),
    "consortium": ("gdpr", "Regulation (EU) 2016/679 Art. 30(1)"),
    "observer": ("gdpr", "Regulation (EU) 2016/679 Art. 30(1)"),
}


@pytest.mark.parametrize("name", PARTIES)
def test_each_kind_of_party_has_records_by_its_law(world, name):
    law, source = PARTIES[name]
    record = records_of(viewer=getattr(world, name), now=NOON)
    assert (record.law, record.source.partition(",")[0]) == (law, source)
    assert record.profiling is (None if law == "gdpr" else False)


def test_purpose_basis_and_term_are_those_of_the_rules(world):
    record = records_of(viewer=world.big_provider, now=NOON)
    for activity in record.activities:
        rule = retention().classes[activity.row_class]
        assert activity.bases[0] == rule.bases[PartyKind.PROVIDER]
        assert (activity.purpose, activity.months) == (rule.purpose, rule.months)
        assert (activity.after_end, activity.term_source) == (rule.after_end, rule.source)
    leads = next(row for row in record.activities if row.row_class is RowClass.LEAD)
    assert leads.recipients == ["agency", "authority"]
    assert not {RowClass.ORDER, RowClass.REFERRAL} & {row.row_class for row in record.activities}


def test_records_count_rows_and_name_the_bases_that_they_have(world):
    for number in (1, 2):
        world.share(value=hex_value(number))
    world.share(world.other_authority, value=hex_value(3))
    Signal.objects.filter(shared_by=world.authority, value=hex_value(2)).update(
        legal_basis=LegalBasis.NATIONAL.value
    )
    record = records_of(viewer=world.authority, now=NOON)
    signals = next(row for row in record.activities if row.row_class is RowClass.SIGNAL)
    assert (signals.rows, signals.bases) == (2, ["led", "national"])
    assert len(signals.basis_sources) == 2


def test_an_authority_that_is_no_police_takes_the_other_law(world):
    record = records_of(viewer=world.authority, now=NOON, law=DataLaw.GDPR)
    assert record.source == "Regulation (EU) 2016/679 Art. 30(1)"
    with pytest.raises(InvalidError, match="does not bind your kind of party"):
        records_of(viewer=world.agency, now=NOON, law=DataLaw.GDPR)


def test_records_name_the_data_protection_officers(world):
    officer = world.person(world.agency, role="data_protection_officer")
    world.person(world.big_provider, role="data_protection_officer")
    assert records_of(viewer=world.agency, now=NOON).officers == [officer.email]


def test_every_class_of_rows_is_described():
    assert set(records().activities) == set(RowClass)
    assert set(records().laws) == set(DataLaw)


@at_night
@pytest.mark.django_db
def test_the_page_and_its_files_say_the_same(world, client):
    person = world.person(world.authority, role=Role.DATA_PROTECTION_OFFICER.value)
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/records").content.decode()
    assert "Directive (EU) 2016/680 Art. 24(1)" in page
    assert person.email in page
    assert "police work, by national law" in page
    record = json.loads(client.get("/records?as=json").content)
    rows = list(csv.DictReader(io.StringIO(client.get("/records?as=csv").content.decode())))
    assert len(rows) == len(record["activities"])
    assert [row["Months"] for row in rows] == [str(row["months"]) for row in record["activities"]]
    assert "Art. 30(1)" in client.get("/records?law=gdpr").content.decode()
    assert "Art. 24(1)" in client.get("/records?law=nonsense").content.decode()
