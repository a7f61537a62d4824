# SPDX-License-Identifier: Apache-2.0
"""The page for somebody who has seen child sexual abuse material."""

import io
import zipfile
from xml.etree import ElementTree as ET

import pytest
from django.apps import apps
from django.test import Client

from stemtide.hub.desk.auth.member_states import MEMBER_STATES
from stemtide.protocol.law.hotlines import hotlines

ENTERED = {
    "at": "2026-11-01T10:00",
    "reference": "upload-7",
    "url": "https://x.example/1",
    "sha256": "A" * 64,
}


def parse(xml):
    return ET.fromstring(xml)  # noqa: S314  # our own text


def send(**change):
    return Client().post("/child-abuse?language=en", ENTERED | change)


def counts():
    return {model: model.objects.count() for model in apps.get_models()}


def test_the_steps_come_first_and_every_hotline_has_its_source():
    text = Client().get("/child-abuse", {"language": "en"}).content.decode()
    assert text.index("Stop looking") < text.index("call 112") < text.index("National hotlines")
    for row in hotlines().values():
        assert row.name in text
        assert row.source in text
    assert "inhope.org" in text
    assert set(hotlines()) <= set(MEMBER_STATES)


@pytest.mark.django_db
def test_a_report_is_answered_and_leaves_nothing_in_the_hub():
    before = counts()
    answer = send()
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        report = parse(archive.read("report.xml"))
        details = parse(archive.read("file-details.xml"))
    assert report.findtext("incidentSummary/incidentDateTime") == "2026-11-01T10:00:00Z"
    assert "upload-7" in report.findtext("additionalInfo")
    assert details.findtext("originalFileHash") == "a" * 64
    assert counts() == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": "2999-01-01T00:00"}, "in the future"),
        ({"sha256": "12"}, "64 digits"),
        ({"reference": "a\x01b"}, "control characters"),
        ({"url": "https://x.example/a\x01b"}, "control characters"),
        ({"at": ""}, "required"),
        ({"url": "javascript:alert(1)"}, "URL"),
    ],
)
def test_what_is_wrong_is_shown_beside_its_field(change, words):
    answer = send(**change)
    assert answer.status_code == 422
    assert words in answer.content.decode()
