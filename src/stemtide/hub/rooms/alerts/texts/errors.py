# SPDX-License-Identifier: Apache-2.0
"""Why a delivery failed, in the reader's language.

Errors are stored in English, because the one who reads them is not known yet. What a network or a
server adds to one stays as it is.
"""

import re

from django.utils.translation import gettext, gettext_noop as _

TEXTS = (
    _("the hub itself failed; its operator finds why in its log"),
    _("this hub sends no mail: its operator sets STEMTIDE_MAIL_URL"),
    _("this is no mail address: correct the contact point"),
    _("the mail server refuses the address ({status})"),
    _("the mail server refuses this hub's user or password"),
    _("the mail server answered {status}"),
    _("the mail server cannot be used ({problem})"),
    _("the receiver took longer than {seconds} s"),
    _("cannot connect to the receiver: {problem}"),
    _("the receiver broke off: {problem}"),
    _("the receiver redirects ({status}); this is not followed: give the final address"),
    _("the receiver says that its address is gone (410)"),
    _("the receiver answered {status}"),
    _("the receiver's name leads to an address that is not public"),
    _("its name cannot be looked up"),
    _("this is no address: write it as https://host/path"),
    _("this is no address: write it as https://host/path, in ASCII"),
    _("this address is longer than {count} characters"),
    _("only https addresses are reached: give one"),
    _("only port 443 or 8443 is reached"),
    _("there was nothing left to tell"),
)
"""Errors of the channels (alerts/channels) and of webhooks (egress); values have names."""


def _pattern(text: str) -> re.Pattern[str]:
    """Return the pattern of an error, whose values are its named groups."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(text)), re.DOTALL)


_PATTERNS = {text: _pattern(text) for text in TEXTS}


def translated_error(error: str) -> str:
    """Translate the error of a delivery into the active language. Texts of others stay."""
    for text, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(error):
            values = match.groupdict()
            if "problem" in values:
                values["problem"] = translated_error(values["problem"])
            return gettext(text).format(**values)
    return error
