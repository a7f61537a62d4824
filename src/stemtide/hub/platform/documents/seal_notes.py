# SPDX-License-Identifier: Apache-2.0
"""Notes of a document on its own seals, so that nobody takes a missing one for granted."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from stemtide.protocol.messages.documents import OwnKeyState, StampState


@dataclass(frozen=True, slots=True)
class SealNotes:
    """The seals of one document. own: its author's own key; stamp: the time stamp."""

    own: OwnKeyState = OwnKeyState.NONE
    stamp: StampState = StampState.OFF

    def lines(self) -> list[str]:
        """Return the lines of the notes, in the active language; none if only the hub seals."""
        own, stamp = _own_line(self.own), _stamp_line(self.stamp)
        return [line for line in (own, stamp) if line]


def _own_line(state: OwnKeyState) -> str:
    """Return the sentence about the author's own key."""
    match state:
        case OwnKeyState.NONE:
            return ""
        case OwnKeyState.READY:
            return _("This document has two electronic seals: that of its author, and the hub's.")
        case OwnKeyState.EXPIRED:
            return _(
                "Sealed by the hub alone: the certificate of the author's own seal has expired."
            )
        case OwnKeyState.NOT_YET_VALID:
            return _("Sealed by the hub alone: the author's own seal is not valid yet.")
        case OwnKeyState.UNUSABLE:
            return _("Sealed by the hub alone: the author's own seal could not be used.")


def _stamp_line(state: StampState) -> str:
    """Return the sentence about the time stamp."""
    match state:
        case StampState.OFF:
            return ""
        case StampState.STAMPED:
            return _("A time stamp authority confirms the time of the seal.")
        case StampState.MISSING:
            return _(
                "Without a time stamp: the time stamp authority gave none in time. The time in the"
                " seal is the hub's own."
            )
