# SPDX-License-Identifier: Apache-2.0
"""Send an alert as a mail: text for people, and signed JSON for machines that read mail."""

import smtplib
from contextlib import closing

from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext as _

from stemtide.hub.rooms.alerts.channels import letter
from stemtide.hub.rooms.alerts.channels.channel import (
    OutgoingAlert,
    PostOutcome,
    Result,
    SendSettings,
)
from stemtide.hub.rooms.alerts.channels.mail.listening import ReplyKeepingBackend
from stemtide.hub.rooms.alerts.rules.alerts import Urgency
from stemtide.hub.rooms.alerts.texts import alerts

TIMEOUT_S = 15

_FIRST_PERMANENT = 500
"""source: RFC 5321, section 4.2.1: replies of 5xx are permanent."""


def send(outgoing: OutgoingAlert, *, post: SendSettings) -> Result:
    """Hand the mail to this hub's mail server, one attempt."""
    if not post.mail_host:
        return Result(
            PostOutcome.REFUSED, "this hub sends no mail: its operator sets STEMTIDE_MAIL_URL"
        )
    connection = _connection(post)
    try:
        with closing(connection):  # also where it opened and then failed
            _message(outgoing, post=post, connection=connection).send()
    except (smtplib.SMTPException, OSError) as error:
        return _judge(error)
    except ValueError:  # Django refuses line breaks in headers, and invalid addresses
        return Result(PostOutcome.REFUSED, "this is no mail address: correct the contact point")
    return Result(PostOutcome.SENT, proof=connection.reply)


def _judge(error: smtplib.SMTPException | OSError) -> Result:
    """Return the result that an error of the mail server means."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
        fate = PostOutcome.REFUSED if code >= _FIRST_PERMANENT else PostOutcome.FAILED
        return Result(fate, f"the mail server refuses the address ({code})")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Result(PostOutcome.FAILED, "the mail server refuses this hub's user or password")
    if isinstance(error, smtplib.SMTPResponseException):
        return Result(PostOutcome.FAILED, f"the mail server answered {error.smtp_code}")
    return Result(PostOutcome.FAILED, f"the mail server cannot be used ({type(error).__name__})")


def _message(
    outgoing: OutgoingAlert, *, post: SendSettings, connection: ReplyKeepingBackend
) -> EmailMessage:
    """Build the mail, in the contact point's language."""
    with translation.override(outgoing.language):
        if outgoing.is_personal:
            title, text = alerts.personal(outgoing.kind, outgoing.notes)
        else:
            title = alerts.title(outgoing.kind, outgoing.parameters, exercise=outgoing.exercise)
            text = _text(outgoing)
    domain = post.mail_from.rpartition("@")[2].strip("> ") or "localhost"
    message = EmailMessage(
        subject=" ".join(title.split()),
        body=text,
        from_email=post.mail_from,
        to=[outgoing.address],
        headers={
            # The same at every attempt, so that repeats are detected (RFC 5322, 3.6.4).
            "Message-ID": f"<{outgoing.delivery}@{domain}>",
            "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday replies
            "Importance": "high" if outgoing.urgency is Urgency.NOW else "normal",
        },
        connection=connection,
    )
    if outgoing.is_personal:
        return message
    content = letter.body(outgoing)
    signed = letter.headers(outgoing, content)
    message.attach("alert.json", content, "application/json")
    lines = "".join(f"{name!s}: {value!s}\n" for name, value in signed.items())
    message.attach("alert.json.sig", lines, "text/plain")
    for file in outgoing.files:
        message.attach(file.name, file.content, file.media_type)
    return message


def _text(outgoing: OutgoingAlert) -> str:
    """Return the text that a person reads."""
    parts = [_("This is an EXERCISE. Nothing real has happened.")] if outgoing.exercise else []
    parts.append(alerts.text(outgoing.kind, outgoing.parameters))
    recipient = {"party": outgoing.party_title, "urgency": alerts.URGENCIES[outgoing.urgency]}
    parts.append(_("For: %(party)s\nUrgency: %(urgency)s") % recipient)
    parts += [f"{title}: {note}" for title, note in outgoing.notes]
    if outgoing.files:
        parts.append(_files(outgoing))
    if outgoing.link and outgoing.link_ends_at:
        until = f"{outgoing.link_ends_at:%Y-%m-%d %H:%M} UTC"
        link_values = {"link": outgoing.link, "until": until}
        parts.append(_("Acknowledge it (the link works until %(until)s):\n%(link)s") % link_values)
        parts.append(_("At the desk:\n%(desk)s") % {"desk": outgoing.desk})
    else:
        parts.append(_("Sign in at the desk to acknowledge it."))
    return "\n\n".join(parts) + "\n"


def _files(outgoing: OutgoingAlert) -> str:
    """Return the sentence about the attached files."""
    names = ", ".join(file.name for file in outgoing.files)
    return _(
        "Attached: %(files)s. A PDF bears the electronic seal of this hub; a .p7s file is its"
        " signature on the JSON beside it."
    ) % {"files": names}


def _connection(post: SendSettings) -> ReplyKeepingBackend:
    """Return a connection to the mail server, which opens when the mail is sent."""
    return ReplyKeepingBackend(
        host=post.mail_host,
        port=post.mail_port,
        username=post.mail_user,
        password=post.mail_password,
        use_tls=post.mail_security == "starttls",
        use_ssl=post.mail_security == "tls",
        timeout=TIMEOUT_S,
    )
