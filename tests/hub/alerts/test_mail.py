# SPDX-License-Identifier: Apache-2.0
"""Mail, handed to a real SMTP server on loopback."""

import email
import email.policy
import json
import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from standardwebhooks import Webhook

from stemtide.hub.rooms.alerts.channels import mail
from stemtide.hub.rooms.alerts.channels.channel import PostOutcome, SendSettings
from stemtide.hub.rooms.alerts.rules.alerts import Channel
from tests.hub.alerts.receivers import SECRET, nobody, outgoing
from tests.world import NOON


class Inbox:
    """What arrives; some addresses are refused."""

    def __init__(self):
        self.messages = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802, ARG002, RUF100
        if address.startswith("nobody@"):
            return "550 no such user"
        if address.startswith("full@"):
            return "452 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802, ARG002, RUF100
        if b"greylisted" in envelope.content:
            return "451 try again later"
        self.messages.append(
            email.message_from_bytes(envelope.content, policy=email.policy.default)
        )
        return "250 taken"


class MailServer(Controller):
    """Serves at a port that is its own from the start, and may take its time to begin."""

    def __init__(self, inbox, *, listening, **options):
        self._listening = listening
        where = {"hostname": "127.0.0.1", "port": listening.getsockname()[1]}
        super().__init__(inbox, ready_timeout=600, **where, **options)

    def _create_server(self):
        return self.loop.create_server(
            self._factory_invoker, sock=self._listening, ssl=self.ssl_context
        )


@contextmanager
def server(**options):
    inbox = Inbox()
    listening = socket.create_server(("127.0.0.1", 0))
    inbox.port = listening.getsockname()[1]
    made = MailServer(inbox, listening=listening, **options)
    made.start()
    try:
        yield inbox
    finally:
        made.stop()


def post(inbox, **more):
    plain = {"mail_host": "127.0.0.1", "mail_port": inbox.port, "mail_security": "none"}
    return SendSettings(**plain | {"mail_from": "Stemtide <alerts@hub.example>"} | more)


def a_parcel(address="duty@desk.example", **facts):
    return outgoing(address, channel=Channel.MAIL, **facts)


def attached(message, name):
    return next(
        one.get_content() for one in message.iter_attachments() if one.get_filename() == name
    )


def test_a_mail_says_it_in_words_and_as_signed_json():
    with server() as inbox:
        result = mail.send(a_parcel(), post=post(inbox))
    assert result.fate is PostOutcome.SENT
    (message,) = inbox.messages
    assert message["Subject"] == "Early warning: Attack in a city"
    assert message["Message-ID"] == "<00000000-0000-0000-0000-000000000005@hub.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_body(("plain",)).get_content()
    assert "Big Video raised an early warning" in text
    assert "https://hub.example/acknowledge/token" in text
    content = attached(message, "alert.json")
    lines = attached(message, "alert.json.sig").splitlines()
    signed = dict(line.split(": ", 1) for line in lines if line)
    assert json.loads(content)["data"]["kind"] == "early_warning"
    assert signed["webhook-signature"] == Webhook(SECRET).sign(
        signed["webhook-id"], NOON, content.decode()
    )


def test_a_mail_of_an_exercise_says_so_in_subject_and_text():
    with server() as inbox:
        mail.send(a_parcel(exercise=True), post=post(inbox))
    (message,) = inbox.messages
    assert message["Subject"].startswith("[EXERCISE]")
    assert message.get_body(("plain",)).get_content().startswith("This is an EXERCISE")


def test_a_mail_without_the_hubs_address_holds_no_link():
    with server() as inbox:
        mail.send(a_parcel(link="", desk=""), post=post(inbox))
    text = inbox.messages[0].get_body(("plain",)).get_content()
    assert "Sign in at the desk" in text
    assert "https://" not in text


def test_a_line_break_in_a_name_makes_no_header():
    with server() as inbox:
        parameters = {"crisis": "Attack\r\nBcc: all@example.org", "by": "X"}
        mail.send(a_parcel(parameters=parameters), post=post(inbox))
    (message,) = inbox.messages
    assert message["Bcc"] is None
    assert message["Subject"] == "Early warning: Attack Bcc: all@example.org"


@pytest.mark.parametrize(
    ("address", "fate", "word"),
    [
        ("nobody@desk.example", PostOutcome.REFUSED, "550"),
        ("full@desk.example", PostOutcome.FAILED, "452"),
        ("duty@desk.example\r\nBcc: x@example.org", PostOutcome.REFUSED, "no mail address"),
    ],
)
def test_what_becomes_of_an_address_that_does_not_take_it(address, fate, word):
    with server() as inbox:
        result = mail.send(a_parcel(address), post=post(inbox))
    assert (result.fate, word in result.words) == (fate, True)


def test_a_server_that_says_later_is_tried_later():
    with server() as inbox:
        result = mail.send(a_parcel(parameters={"crisis": "greylisted"}), post=post(inbox))
    assert (result.fate, "451" in result.words) == (PostOutcome.FAILED, True)


def test_a_hub_without_a_mail_server_says_so():
    result = mail.send(a_parcel(), post=SendSettings())
    assert (result.fate, "STEMTIDE_MAIL_URL" in result.words) == (PostOutcome.REFUSED, True)


def test_a_mail_server_that_is_away_is_tried_again():
    with nobody() as url:
        there = Inbox()
        there.port = urlsplit(url).port
        assert mail.send(a_parcel(), post=post(there)).fate is PostOutcome.FAILED


def test_a_server_without_tls_gets_nothing_in_the_clear():
    with server() as inbox:
        result = mail.send(a_parcel(), post=post(inbox, mail_security="starttls"))
    assert (result.fate, inbox.messages) == (PostOutcome.FAILED, [])


def test_a_wrong_password_is_told_without_the_password():
    def nobody(*_):
        return AuthResult(success=False, handled=False)

    with server(authenticator=nobody, auth_require_tls=False) as inbox:
        with_user = post(inbox, mail_user="hub", mail_password="secret-word")
        result = mail.send(a_parcel(), post=with_user)
    assert (result.fate, "user or password" in result.words) == (PostOutcome.FAILED, True)
    assert "secret-word" not in result.words
