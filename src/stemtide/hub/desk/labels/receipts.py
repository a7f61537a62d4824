# SPDX-License-Identifier: Apache-2.0
"""Labels of the actions behind a one-time link."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LINK_ACTIONS: "dict[str, tuple[str | _StrPromise, str | _StrPromise, str | _StrPromise]]" = {
    "execute": (
        gettext_lazy("Confirm removal (Annex II)"),
        gettext_lazy("Send Annex II"),
        gettext_lazy("Answered by Annex II. Preserve the content for six months (Art. 6)."),
    ),
    "suspend": (
        gettext_lazy("Cannot comply (Annex III)"),
        gettext_lazy("Send Annex III: stop the clock"),
        gettext_lazy("Answered by Annex III. The clock stands still."),
    ),
    "resume": (
        gettext_lazy("Report that the ground no longer applies"),
        gettext_lazy("Ground no longer applies: start a new hour"),
        gettext_lazy("The hour runs anew."),
    ),
    "reinstate": (
        gettext_lazy("Say that the content is there again"),
        gettext_lazy("The content is there again"),
        gettext_lazy("Told to the issuer, and to whoever has a copy."),
    ),
    "ask_scrutiny": (
        gettext_lazy("Ask that the order be examined"),
        gettext_lazy("Ask for scrutiny"),
        gettext_lazy("Asked. A decision is due within 72 hours; the hour runs on."),
    ),
    "answer": (
        gettext_lazy("Answer the referral"),
        gettext_lazy("Send the answer"),
        gettext_lazy("Answered. The sender is notified."),
    ),
}
"""Title, button and confirmation of each action."""
