# SPDX-License-Identifier: Apache-2.0
"""A connection to the mail server that remembers what it said once it had the mail.

source: RFC 5321, section 4.2.5: with this reply a server takes the mail over, to deliver it or to
        tell its sender.
"""

import smtplib
from typing import Any

from django.core.mail.backends.smtp import EmailBackend

_MOST = 200
"""Letters of a reply that are kept."""


class _Remembers(smtplib.SMTP):
    """Keeps the answer to the mail itself."""

    said = ""

    def data(self, msg: Any) -> tuple[int, bytes]:  # noqa: ANN401  # smtplib's
        """Hand the mail over."""
        code, said = super().data(msg)
        self.said = " ".join(f"SMTP {code} {said.decode('utf-8', 'replace')}".split())[:_MOST]
        return code, said


class _RemembersOverTls(_Remembers, smtplib.SMTP_SSL):
    """The same, over TLS from the first byte."""


class ListeningBackend(EmailBackend):
    """Sends as Django does. said: what the server answered to the last mail."""

    said = ""

    @property
    def connection_class(self) -> type[_Remembers]:
        """What connects."""
        return _RemembersOverTls if self.use_ssl else _Remembers

    def close(self) -> None:
        """End the connection, and keep what was said on it."""
        self.said = getattr(self.connection, "said", "") or self.said
        super().close()
