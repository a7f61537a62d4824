# SPDX-License-Identifier: Apache-2.0
"""Reports to NCMEC's CyberTipline, and the hotlines of countries."""

from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from stemtide.protocol.files.cybertip import (
    CyberTipError,
    CyberTipFacts,
    FileHash,
    IncidentType,
    check_facts,
    file_details_xml,
    missing,
    report_xml,
)
from stemtide.protocol.law.hotlines import HotlineDataError, hotlines, read_hotlines

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
ORDER = ["incidentSummary", "internetDetails", "reporter", "personOrUserReported", "additionalInfo"]
"""Elements of a report in NCMEC's order, of those that ours can hold."""
DETAILS = ["reportId", "fileId", "locationOfFile", "fileViewedByEsp", "originalFileHash"]
FULL = CyberTipFacts(
    incident=IncidentType.MATERIAL,
    at=NOW,
    reference="upload-7 <&>",
    url="https://x.example/?a=1&b=2",
    hashes=[FileHash("MD5", "0" * 32), FileHash("SHA256", "1" * 64)],
    first_name="Ana",
    last_name="Ek",
    email="desk@x.example",
    is_viewed=False,
)


def parse(xml):
    return ET.fromstring(xml)  # noqa: S314  # our own text


def tags(xml):
    return [child.tag for child in parse(xml) if isinstance(child.tag, str)]


def test_a_full_report_is_in_the_order_of_the_schema_and_keeps_each_value():
    report = parse(report_xml(FULL))
    assert tags(report_xml(FULL)) == [tag for tag in ORDER if tag != "personOrUserReported"]
    assert report.findtext("incidentSummary/incidentType") == (
        "Child Pornography (possession, manufacture, and distribution)"
    )
    assert report.findtext("incidentSummary/incidentDateTime") == "2026-11-29T12:00:00Z"
    assert report.findtext("internetDetails/webPageIncident/url") == FULL.url
    person = report.find("reporter/reportingPerson")
    assert [(child.tag, child.text) for child in person] == [
        ("firstName", "Ana"),
        ("lastName", "Ek"),
        ("email", "desk@x.example"),
    ]
    assert report.findtext("additionalInfo").endswith("upload-7 <&>")


def test_the_details_of_the_file_are_in_the_order_of_the_schema():
    details = parse(file_details_xml(FULL))
    assert tags(file_details_xml(FULL)) == [*DETAILS, "originalFileHash"]
    assert details.findtext("fileViewedByEsp") == "false"
    hashes = [(one.get("hashType"), one.text) for one in details.findall("originalFileHash")]
    assert hashes == [("MD5", "0" * 32), ("SHA256", "1" * 64)]


def test_what_nobody_knows_yet_is_left_to_fill_in_and_is_not_guessed():
    bare = CyberTipFacts(incident=IncidentType.ENTICEMENT, at=NOW)
    assert tags(report_xml(bare)) == ["incidentSummary", "reporter"]
    assert tags(file_details_xml(bare)) == ["reportId", "fileId"]
    for name in missing(bare):
        assert name.rpartition("/")[2].encode() in report_xml(bare) + file_details_xml(bare)
    assert "fileDetails/fileViewedByEsp" in missing(bare)
    assert "fileDetails/fileViewedByEsp" not in missing(FULL)
    uploader = report_xml(FULL).partition(b"<personOrUserReported>")[2].partition(b"-->")[0]
    parse(b"<personOrUserReported>" + uploader)  # it can be uncommented as it stands


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"at": NOW + timedelta(seconds=1)}, "at"),
        ({"reference": "x" * 256}, "reference"),
        ({"url": "ftp://x"}, "url"),
        ({"first_name": "\x01"}, "control characters"),
    ],
)
def test_facts_that_the_schema_does_not_take_are_refused(change, field):
    facts = CyberTipFacts(**({"incident": IncidentType.MATERIAL, "at": NOW} | change))
    with pytest.raises(CyberTipError, match=field):
        check_facts(facts, now=NOW)


@pytest.mark.parametrize("text", ["sha512:00", "md5:0", "nothing", "sha256:" + "g" * 64])
def test_a_hash_that_is_none_is_refused(text):
    with pytest.raises(CyberTipError, match="hash"):
        FileHash.read(text)


def test_each_hotline_has_a_source_with_its_date():
    for country, row in hotlines().items():
        assert date(2020, 1, 1) <= row.as_of <= date(2026, 11, 29), country
        assert str(row.as_of.year) in row.source, country


def test_a_row_without_a_source_or_country_is_refused():
    with pytest.raises(HotlineDataError, match=r"x.toml: NL.source"):
        read_hotlines('[NL]\nname = "Name"\nas_of = 2024-01-01', name="x.toml")
    row = 'name = "Name"\nsource = "a page, 2024"\nas_of = 2024-01-01'
    with pytest.raises(HotlineDataError, match="XX is no country"):
        read_hotlines(f"[XX]\n{row}", name="x.toml")
