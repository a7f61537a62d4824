# SPDX-License-Identifier: Apache-2.0
"""Letters: the information before a first removal order, and receipts.

source: Regulation (EU) 2021/784 Art. 3(2) and (5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils import translation
from django.utils.translation import gettext as _

from stemtide.hub.platform.documents.forms import SHEETS, exercise_said, moment_said, spoken
from stemtide.hub.platform.documents.typesetting import typeset
from stemtide.protocol.messages.orders import InformationOut


def information_pdf(
    information: InformationOut, *, titles: Mapping[str, str], language: str
) -> bytes:
    """Return the information for its addressee as PDF. titles: parties' titles by name."""
    lang = spoken(language)
    with translation.override(lang):
        data: dict[str, object] = {
            "title": _("Information before a first removal order"),
            "exercise": _("EXERCISE") if information.exercise else "",
            "tlp": "",
            "word": _("Information: this is no removal order"),
            "said": exercise_said() if information.exercise else "",
            "facts": [
                [_("From"), titles.get(information.sent_by, information.sent_by)],
                [_("To"), titles.get(information.to, information.to)],
                [_("Sent"), moment_said(information.sent_at)],
                [_("An order may follow from"), moment_said(information.order_from)],
                [_("Source"), _("Regulation (EU) 2021/784, Article 3(2)")],
            ],
            "text": information.text,
        }
    return typeset(SHEETS / "letter.typ", data, lang=lang)


@dataclass(frozen=True, slots=True)
class Received:
    """A receipt: of which request, by which party, in which way.

    what, about: the title of what was received, and what it said of itself.
    shown:       SHA-256 of the file that says the same for programs; name: that file's. "" where
                 nothing was shown beside the title.
    """

    what: str
    about: str
    party: str
    at: datetime
    way: str
    shown: str
    name: str
    exercise: bool = False


def receipt_pdf(received: Received, *, language: str) -> bytes:
    """Return the receipt of a request as PDF, for both sides to keep."""
    lang = spoken(language)
    with translation.override(lang):
        data: dict[str, object] = {
            "title": _("Acknowledgement of receipt"),
            "exercise": _("EXERCISE") if received.exercise else "",
            "tlp": "",
            "word": _("Acknowledgement of receipt"),
            "said": exercise_said() if received.exercise else "",
            "facts": [
                [_("What"), received.what],
                [_("Received by"), received.party],
                [_("When"), moment_said(received.at)],
                [_("How"), received.way],
                *_shown(received),
            ],
            "text": "\n".join(
                [
                    received.about,
                    _(
                        "It says that somebody has it, not that they agree with it, nor what they"
                        " will do. What else was done stands in the ledger of this hub."
                    ),
                ]
            ),
        }
    return typeset(SHEETS / "letter.typ", data, lang=lang)


def _shown(received: Received) -> list[list[str]]:
    """Return the name of the file that was shown, and its digest in two parts that fit a line."""
    if not received.shown:
        return []
    digest = f"{received.shown[:32]} {received.shown[32:]}"
    return [[_("Shown, as a file"), received.name], [_("Its SHA-256"), digest]]
