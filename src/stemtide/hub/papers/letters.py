# SPDX-License-Identifier: Apache-2.0
"""What a provider is told before its first removal order, as a letter.

source: Regulation (EU) 2021/784 Art. 3(2).
"""

from collections.abc import Mapping

from django.utils import translation
from django.utils.translation import gettext as _

from stemtide.hub.papers.documents import SHEETS, exercise_said, moment_said, spoken
from stemtide.hub.papers.typesetting import typeset
from stemtide.protocol.orders import InformationOut


def information_pdf(told: InformationOut, *, titles: Mapping[str, str], language: str) -> bytes:
    """The information as its addressee reads it. titles: parties' titles by name."""
    lang = spoken(language)
    with translation.override(lang):
        data: dict[str, object] = {
            "title": _("Information before a first removal order"),
            "exercise": _("EXERCISE") if told.exercise else "",
            "tlp": "",
            "word": _("Information: this is no removal order"),
            "said": exercise_said() if told.exercise else "",
            "facts": [
                [_("From"), titles.get(told.sent_by, told.sent_by)],
                [_("To"), titles.get(told.to, told.to)],
                [_("Sent"), moment_said(told.sent_at)],
                [_("An order may follow from"), moment_said(told.order_from)],
                [_("Source"), _("Regulation (EU) 2021/784, Article 3(2)")],
            ],
            "text": told.text,
        }
    return typeset(SHEETS / "letter.typ", data, lang=lang)
