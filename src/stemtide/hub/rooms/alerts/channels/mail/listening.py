# SPDX-License-Identifier: Apache-2.0
"""A mail connection that keeps the server's reply to the mail, as proof of delivery.

source: RFC 5321, section 4.2.5: with this reply a server takes responsibility for the mail.
"""

import smtplib
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

_MOST = 200
"""Characters of a reply that are kept."""


class _ReplyKeepingSmtp(smtplib.SMTP):
    """SMTP connection that keeps the reply to the DATA command."""

    reply = ""

    def data(self, msg: Any) -> tuple[int, bytes]:  # noqa: ANN401  # smtplib's
        """Send the mail and keep the reply."""
        code, reply = super().data(msg)
        self.reply = " ".join(f"SMTP {code} {reply.decode('utf-8', 'replace')}".split())[:_MOST]
        return code, reply


class _ReplyKeepingSmtpOverTls(_ReplyKeepingSmtp, smtplib.SMTP_SSL):
    """The same, with TLS from the start."""


class ReplyKeepingBackend(EmailBackend):
    """Django's SMTP backend with reply: the server's reply to the last mail."""

    reply = ""

    @property
    def connection_class(self) -> type[_ReplyKeepingSmtp]:
        """Return the class that connects."""
        return _ReplyKeepingSmtpOverTls if self.use_ssl else _ReplyKeepingSmtp

    def close(self) -> None:
        """Close the connection, and keep the reply."""
        self.reply = getattr(self.connection, "reply", "") or self.reply
        super().close()
