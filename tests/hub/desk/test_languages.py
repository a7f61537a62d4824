# SPDX-License-Identifier: Apache-2.0
"""Every page in every language, without a word that is left in English."""

import re
from html import unescape

import pytest
from django.template import Context, Template
from django.test import Client
from django.utils import translation

from stemtide.hub.desk.error_messages import error_text
from stemtide.hub.platform.errors import ConflictError, InvalidError
from stemtide.hub.rooms.alerts.texts import alerts as words
from tests.rounds import few

pytestmark = pytest.mark.django_db

PAGES = (
    *("/", "/crises", "/contacts", "/you", "/you/preferences", "/search", "/leads"),
    *("/alerts", "/drills", "/deliveries", "/reports", "/contacts/own", "/people", "/looks"),
)
LEFT = re.compile(
    r"\b(the|your|nobody|nothing|which|with|from|until|who|signals|crises|search|sign out|"
    r"early warning|is|are|was|and|has|been|by|of)\b",
    re.IGNORECASE,
)
"""Words of English that are none of Dutch, French or German (as we write them)."""

ALSO = {"nl": {"is", "was", "of", "crises"}, "fr": {"crises"}, "de": {"was", "signals"}}


def read(page):
    """What a person reads on a page: no tags, no code, no names of the parties of the tests."""
    page = re.sub(r"\bThe (?:agency|authority|neighbour|provider|observer|forum)\b", " ", page)
    page = re.sub(r"Attack at the harbour|Filmed by its perpetrator", " ", page)
    source = re.sub(r"<(script|style|code|select|svg)\b.*?</\1>", " ", page, flags=re.DOTALL)
    source = re.sub(r'<[^>]*class="[^"]*(?:code|bar__party)[^"]*"[^>]*>[^<]*<', "<", source)
    source = re.sub(r'<a [^>]*\blang="en".*?</a>', " ", source, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", source)).split())


def left_over(text, language):
    return {one.lower() for one in LEFT.findall(text)} - ALSO[language]


@pytest.mark.parametrize("language", ["nl", "fr", "de"])
def test_the_page_to_sign_in_on_is_in_the_language_of_the_browser(language):
    page = Client().get("/sign-in", headers={"Accept-Language": language})
    assert f'<html lang="{language}">' in page.content.decode()
    assert left_over(read(page.content.decode()), language) == set()


@pytest.mark.parametrize("language", few((0,), of=["nl", "fr", "de"]))
@pytest.mark.parametrize("path", PAGES)
def test_a_page_leaves_no_english(world, path, language):
    client = world.desk("agency")
    page = client.get(path, headers={"Accept-Language": language})
    if page.status_code == 404:
        pytest.fail(f"{path} is not there")
    assert left_over(read(page.content.decode()), language) == set()


def test_a_refusal_is_said_in_dutch_with_its_facts():
    error = ConflictError(
        "this delivery is {state}: you can retry only a dead letter", state="sent"
    )
    with translation.override("nl"):
        told = error_text(error)
    assert told == "deze bezorging is verzonden: alleen een onbestelbare wordt opnieuw geprobeerd"


def test_a_refused_field_is_said_in_german():
    error = InvalidError("address", "is empty: enter an address")
    with translation.override("de"):
        assert error_text(error) == "address: ist leer: schreiben Sie, wo jemand erreicht wird"


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("nl", "Vroegtijdige waarschuwing: Haven"),
        ("fr", "Alerte précoce\N{NO-BREAK SPACE}: Haven"),
        ("de", "Frühwarnung: Haven"),
    ],
)
def test_an_alert_speaks_the_language_of_its_contact_point(language, title):
    with translation.override(language):
        assert words.title("early_warning", {"crisis": "Haven"}, exercise=False) == title


@pytest.mark.parametrize("language", few((0,), of=["nl", "fr", "de"]))
@pytest.mark.parametrize("below", few((0, 2), of=["", "/content", "/log", "/lines", "/leads/new"]))
def test_a_room_leaves_no_english(world, below, language):
    uid = world.crisis(active=True, joined=("provider",))
    client = world.desk("agency")
    path = "/leads/new" if below == "/leads/new" else f"/crises/{uid}{below}"
    page = client.get(path, headers={"Accept-Language": language})
    assert left_over(read(page.content.decode()), language) == set()


NEW = (
    "{% blocktranslate count waiting=count with number=count %}"
    "{{ number }} new{% plural %}{{ number }} new{% endblocktranslate %}"
)


@pytest.mark.parametrize(
    ("source", "counts"),
    [
        (
            '{% load desk %}{{ count|counted:"blocked" }}',
            {0: "0 bloqué", 1: "1 bloqué", 41: "41 bloqués"},
        ),
        ('{% load desk %}{{ count|counted:"reversed" }}', {1: "1 annulé", 2: "2 annulés"}),
        (
            "{% load i18n %}" + NEW,
            {1: "1 nouveau", 2: "2 nouveaux"},
        ),
    ],
)
def test_a_french_participle_agrees_with_the_number_before_it(source, counts):
    with translation.override("fr"):
        shown = {count: Template(source).render(Context({"count": count})) for count in counts}
    assert shown == counts


def test_alerts_about_one_and_about_many_referrals_have_the_same_grammar():
    with translation.override("fr"):
        titles = [words.title("referrals", {"count": count}, exercise=False) for count in "15"]
    before = "Signalements (volontaires)\N{NO-BREAK SPACE}:"
    assert titles == [f"{before} 1", f"{before} 5"]
