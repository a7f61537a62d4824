# SPDX-License-Identifier: Apache-2.0
"""What the desk says for the stored words of exchanges and webhooks, and how grave they look."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.protocol.exchanges import ExchangeState, Fate, OutgoingState
from stemtide.protocol.words import Direction, ExchangeKind

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

PHRASES: "dict[str, dict[str, str | _StrPromise]]" = {
    "exchange-kind": {
        ExchangeKind.TAXII: "TAXII",
        ExchangeKind.STOPNCII: "StopNCII",
        ExchangeKind.MISP_FEED: "MISP",
    },
    "exchange": {
        ExchangeState.RUNNING: _("running"),
        ExchangeState.FAILING: _("failing"),
        ExchangeState.PAUSED: _("paused"),
        ExchangeState.REMOVED: _("ended"),
    },
    "direction": {
        Direction.PULL: _("comes here"),
        Direction.PUSH: _("goes there"),
        Direction.BOTH: _("both ways"),
    },
    "fate": {
        Fate.SHARED: _("shared here, new"),
        Fate.CHANGED: _("changed"),
        Fate.ENDED: _("taken back by the source"),
        Fate.CONFIRMED: _("here already, confirmed"),
        Fate.ECHO: _("our own, come back"),
        Fate.OVERRULED: _("withdrawn here before"),
        Fate.LEFT_OUT: _("left out by the terms"),
        Fate.REFUSED: _("wrong, and refused"),
        "not_taken_back": _("withdrawn here, and kept there"),
    },
    "outgoing": {
        OutgoingState.WAITING: _("waits to be told"),
        OutgoingState.SENT: _("told"),
        OutgoingState.TAKING_BACK: _("to be taken back there"),
        OutgoingState.ENDED: _("taken back there"),
        OutgoingState.REFUSED: _("refused there"),
    },
}

LOOKS: dict[str, dict[str, str]] = {
    "exchange": {
        ExchangeState.RUNNING: "good",
        ExchangeState.FAILING: "bad",
        ExchangeState.PAUSED: "warn",
    },
    "outgoing": {OutgoingState.REFUSED: "bad", OutgoingState.TAKING_BACK: "warn"},
}
