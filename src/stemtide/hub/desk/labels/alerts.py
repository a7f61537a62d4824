# SPDX-License-Identifier: Apache-2.0
"""Labels and colours for the states of alerts and deliveries."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.hub.rooms.alerts.rules.alerts import AlertState, DeliveryState, Via
from stemtide.hub.rooms.alerts.texts import alerts
from stemtide.protocol.enums import Urgency

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "alert-urgency": dict(alerts.URGENCIES),
    "channel": dict(alerts.CHANNELS),
    "alert": {
        AlertState.OPEN: _("waits for an answer"),
        AlertState.ACKNOWLEDGED: _("acknowledged"),
        AlertState.UNANSWERED: _("nobody answered"),
        AlertState.OVERTAKEN: _("no longer needed"),
    },
    "alert-via": {
        Via.PAGE: _("at the desk"),
        Via.LINK: _("by the link in a message"),
        Via.WEBHOOK: _("by a machine's answer"),
        Via.API: _("by a machine"),
    },
    "delivery": {
        DeliveryState.QUEUED: _("waits to leave"),
        DeliveryState.SENDING: _("under way"),
        DeliveryState.SENT: _("arrived"),
        DeliveryState.FAILED: _("failed, tried again"),
        DeliveryState.DEAD: _("failed"),
        DeliveryState.DROPPED: _("dropped"),
        DeliveryState.ACKNOWLEDGED: _("acknowledged"),
        DeliveryState.STOPPED: _("not needed any more"),
    },
}

TONES: dict[str, dict[str, str]] = {
    "alert-urgency": {Urgency.NOW: "bad", Urgency.SOON: "warn"},
    "alert": {
        AlertState.OPEN: "warn",
        AlertState.ACKNOWLEDGED: "good",
        AlertState.UNANSWERED: "bad",
    },
    "delivery": {
        DeliveryState.FAILED: "warn",
        DeliveryState.DEAD: "bad",
        DeliveryState.ACKNOWLEDGED: "good",
        DeliveryState.SENT: "good",
    },
}
