# SPDX-License-Identifier: Apache-2.0
"""Why a delivery failed, in the reader's language. What servers say stays as it is."""

import ast
import re
from pathlib import Path

import pytest
from django.utils import translation

import stemtide
from stemtide.egress.addresses import AddressNotAllowedError, check_url
from stemtide.egress.posts import post, reach_of
from stemtide.hub.platform.jobs import HUB_FAILED
from stemtide.hub.rooms.alerts.channels import mail
from stemtide.hub.rooms.alerts.channels.channel import SendSettings
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from stemtide.hub.rooms.alerts.texts import alerts
from stemtide.hub.rooms.alerts.texts.errors import TEXTS, translated_error
from tests.hub.alerts.receivers import nobody, outgoing
from tests.world import NOON

SRC = Path(stemtide.__file__).parent

URLS = (
    "nowhere",
    "ftp://example.org/",
    "https://example.org:22/",
    f"https://example.org/{'x' * 3000}",
)
"""Addresses that a webhook cannot have, each for another reason."""


def errors():
    """Return errors as they are stored: of the hub, of its mail, of addresses and of a network."""
    to_nobody = outgoing("duty@desk.example", channel=Channel.MAIL)
    yield HUB_FAILED
    yield mail.send(to_nobody, post=SendSettings()).words
    yield mail.send(to_nobody, post=SendSettings(mail_host="127.0.0.1", mail_port=9)).words
    for url in URLS:
        with pytest.raises(AddressNotAllowedError) as refused:
            check_url(url, reach=reach_of(loopback=False))
        yield str(refused.value)
    with nobody() as url:
        yield post(url, content=b"{}", headers={}, loopback=True, timeout_s=9, now=NOON).words


@pytest.mark.parametrize("language", ["nl", "fr", "de"])
def test_an_error_of_a_delivery_is_in_the_readers_language(language):
    with translation.override(language):
        assert [error for error in errors() if translated_error(error) == error] == []
        assert [text for text in TEXTS if translated_error(text) == text] == []


def texts_in(source):
    """Yield the texts in a module, with a hole for each value that they get."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{\w+\}", "{}", node.value)
        elif isinstance(node, ast.JoinedStr):
            values = (getattr(part, "value", "") for part in node.values)
            yield "".join(value if isinstance(value, str) else "{}" for value in values)


def test_each_text_is_one_that_the_code_makes():
    folders = ("egress", "hub/platform", "hub/rooms/alerts/channels", "hub/rooms/webhooks")
    paths = [path for folder in folders for path in (SRC / folder).rglob("*.py")]
    made = {text for path in paths for text in texts_in(path.read_text("utf-8"))}
    patterns = [
        re.escape(text).replace(r"\{\}", ".+") for text in made if re.search(r"\w \w", text)
    ]
    known = re.compile("|".join(patterns))
    assert [text for text in TEXTS if not known.fullmatch(text)] == []
    assert not known.fullmatch("the receiver is asleep")


def test_what_a_server_says_stays_as_it_is():
    with translation.override("de"):
        assert translated_error("no such user") == "no such user"
        refused = translated_error("the mail server refuses the address (550)")
        broken = translated_error("cannot connect to the receiver: its name cannot be looked up")
    assert refused == "der Mailserver lehnt die Adresse ab (550)"
    assert broken == "keine Verbindung zum Empfänger: sein Name lässt sich nicht auflösen"


def test_an_alert_about_a_failed_delivery_is_in_one_language():
    error = mail.send(
        outgoing("duty@desk.example", channel=Channel.MAIL), post=SendSettings()
    ).words
    with translation.override("fr"):
        text = alerts.text("dead_letter", {"channel": "mail", "error": error})
    assert "ce hub n'envoie pas de courriel" in text
    assert "this hub" not in text
