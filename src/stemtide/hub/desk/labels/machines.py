# SPDX-License-Identifier: Apache-2.0
"""Labels and colours for the states of exchanges and webhooks."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _, gettext_noop

from stemtide.hub.rooms.ledger.rules.hub_settings import SettingGroup
from stemtide.interop.exchanges import ExchangeState, OutgoingState, RecordOutcome
from stemtide.protocol.enums import Direction, ExchangeKind, Scope
from stemtide.protocol.messages.webhooks import WebhookDeliveryState, WebhookState

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "exchange-kind": {
        ExchangeKind.TAXII: "TAXII",
        ExchangeKind.STOPNCII: "StopNCII",
        ExchangeKind.MISP_FEED: "MISP",
        ExchangeKind.MISP: "MISP (API)",
        ExchangeKind.THREATEXCHANGE: "ThreatExchange",
        ExchangeKind.TCAP: "Tech Against Terrorism",
        ExchangeKind.TX_FILE: _("file"),
        ExchangeKind.OPENCTI: "OpenCTI",
    },
    "exchange": {
        ExchangeState.PROPOSED: _("waits for a second person"),
        ExchangeState.RUNNING: _("running"),
        ExchangeState.FAILING: _("failing"),
        ExchangeState.PAUSED: _("paused"),
        ExchangeState.REMOVED: _("ended"),
    },
    "direction": {
        Direction.PULL: _("receive"),
        Direction.PUSH: _("send"),
        Direction.BOTH: _("receive and send"),
    },
    "fate": {
        RecordOutcome.SHARED: _("new"),
        RecordOutcome.CHANGED: _("changed"),
        RecordOutcome.ENDED: _("withdrawn by the source"),
        RecordOutcome.CONFIRMED: _("already here, confirmed"),
        RecordOutcome.ECHO: _("shared by this hub first"),
        RecordOutcome.WAITING: _("waiting for a second look"),
        RecordOutcome.OVERRULED: _("withdrawn here before"),
        RecordOutcome.LEFT_OUT: _("skipped by the import rules"),
        RecordOutcome.REFUSED: _("invalid, refused"),
        "opinions": _("opinions of the other hub, taken over"),
        "sightings": _("counts of the other hub, taken over"),
        "not_taken_back": _("withdrawn here, still live at the source"),
    },
    "outgoing": {
        OutgoingState.WAITING: _("waiting to be sent"),
        OutgoingState.SENT: _("sent"),
        OutgoingState.TAKING_BACK: _("withdrawal waiting to be sent"),
        OutgoingState.ENDED: _("withdrawn there"),
        OutgoingState.REFUSED: _("refused there"),
        OutgoingState.HELD_BACK: _("held back: no sharing group for only their audience"),
    },
    "scope": {
        Scope.FEED_READ: _("read signals and crises (feed:read)"),
        Scope.FEEDBACK_WRITE: _("report as an agent, and give opinions (feedback:write)"),
        Scope.REQUESTS_READ: _("read referrals and orders (requests:read)"),
        Scope.METRICS_READ: _("read the hub's metrics (metrics:read)"),
        Scope.SIGNALS_WRITE: _("share and withdraw signals (signals:write)"),
        Scope.CRISES_WRITE: _("raise, join and move crises (crises:write)"),
        Scope.LEADS_WRITE: _("report and read leads (leads:write)"),
        Scope.REFERRALS_WRITE: _("send referrals and holds (referrals:write)"),
        Scope.ORDERS_WRITE: _("issue removal orders (orders:write)"),
        Scope.ANSWERS_WRITE: _("answer referrals and orders (answers:write)"),
        Scope.COMPLAINTS_WRITE: _("handle complaints (complaints:write)"),
        Scope.WEBHOOKS_MANAGE: _("manage webhooks (webhooks:manage)"),
        Scope.PARTIES_WRITE: _("decide on standings and suspensions (parties:write)"),
        Scope.EXERCISES_RUN: _("play exercises (exercises:run)"),
        Scope.RETENTION_MANAGE: _("stop and extend erasures (retention:manage)"),
        Scope.PRIVATE_MATCH: _("look digests up without showing them (private:match)"),
    },
    "setting-group": {
        SettingGroup.RETENTION: _("Retention"),
        SettingGroup.REQUESTS: _("Limits for programs"),
        SettingGroup.ACTS: _("Actions that alert people (per party and hour)"),
        SettingGroup.OFFICE: _("Office hours"),
    },
    "setting": {
        "media_max_days": _("Longest retention of a preview, in days"),
        "long_values_mb": _("Long fingerprints per party and day, in megabytes"),
        "rate_reading": _("Read requests per key and minute"),
        "rate_writing": _("Write requests per key and minute"),
        "rate_bulk": _("Bulk requests per key and minute"),
        "rate_heavy": _("Similarity searches and document checks per minute"),
        "rate_stranger": _("Requests without a valid key, per IP address and minute"),
        "acts_warning": _("Warnings and steps of a crisis"),
        "acts_invitation": _("Invitations"),
        "acts_lead": _("Threat-to-life leads"),
        "acts_order": _("Removal orders and what follows them"),
        "acts_referral": _("Referrals"),
        "acts_hold": _("Holds placed"),
        "acts_line": _("Public lines"),
        "acts_task": _("Tasks and roles"),
        "acts_mention": _("Mentions in situation logs"),
        "acts_drill": _("Contact drills"),
        "acts_exercise": _("Exercises"),
        "office_opens": _("Start of office hours (hour, 0 to 23)"),
        "office_closes": _("End of office hours (hour, 1 to 24)"),
    },
    "event-group": {
        "*": _("all events that the key may read"),
        "signal.*": _("signals: shared, changed, withdrawn, expired"),
        "crisis.*": _("steps of crises"),
        "participant.*": _("invitations to crises"),
        "order.*": _("removal orders"),
        "scrutiny.*": _("scrutiny of removal orders"),
        "referral.*": _("referrals"),
        "referrals.*": _("batches of referrals"),
        "hold.*": _("holds"),
    },
    "webhook": {
        WebhookState.ACTIVE: _("active"),
        WebhookState.PAUSED: _("paused"),
        WebhookState.DISABLED: _("disabled"),
    },
    "webhook-delivery": {
        WebhookDeliveryState.QUEUED: _("queued"),
        WebhookDeliveryState.SENDING: _("sending"),
        WebhookDeliveryState.FAILED: _("failed, retrying"),
        WebhookDeliveryState.SENT: _("delivered"),
        WebhookDeliveryState.DEAD: _("failed"),
        WebhookDeliveryState.STOPPED: _("stopped with its webhook"),
        WebhookDeliveryState.MOOT: _("no longer needed"),
    },
}

TONES: dict[str, dict[str, str]] = {
    "exchange": {
        ExchangeState.RUNNING: "good",
        ExchangeState.FAILING: "bad",
        ExchangeState.PAUSED: "warn",
        ExchangeState.PROPOSED: "warn",
    },
    "webhook": {
        WebhookState.ACTIVE: "good",
        WebhookState.PAUSED: "warn",
        WebhookState.DISABLED: "bad",
    },
    "webhook-delivery": {
        WebhookDeliveryState.FAILED: "warn",
        WebhookDeliveryState.SENT: "good",
        WebhookDeliveryState.DEAD: "bad",
        WebhookDeliveryState.STOPPED: "bad",
    },
    "outgoing": {
        OutgoingState.REFUSED: "bad",
        OutgoingState.TAKING_BACK: "warn",
        OutgoingState.HELD_BACK: "warn",
    },
}

REASONS = (
    gettext_noop("its receiver said that its address is gone (410): resume it once it is back"),
    gettext_noop("nothing arrived there for three days: mend its receiver, test it, resume it"),
    gettext_noop(
        "the key that looked after it was revoked or has expired: resume it with another one"
    ),
)
"""Reasons of the rules for disabling a webhook, listed here for the translators."""
