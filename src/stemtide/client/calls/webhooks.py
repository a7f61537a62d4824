# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: webhooks.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.messages.webhooks import (
        WebhookChangeIn,
        WebhookDeliveriesOut,
        WebhookDeliveryOut,
        WebhookDeliveryState,
        WebhookIn,
        WebhookMadeOut,
        WebhookOut,
        WebhookSecretOut,
    )


def add_webhook(body: WebhookIn) -> Call[WebhookMadeOut]:
    """Register an https URL. The signing secret is only shown in this response.

    Needs a key with the scope webhooks:manage. raises: HubError. source: POST /api/v1/webhooks
    """
    from stemtide.protocol.messages.webhooks import WebhookMadeOut

    return Call((WebhookMadeOut,), "POST", "/api/v1/webhooks", body=body)


def change_webhook(body: WebhookChangeIn, *, uid: UUID | str) -> Call[WebhookOut]:
    """Change the events of a webhook, pause or resume it. It is managed by your key from now on.

    Needs a key with the scope webhooks:manage. raises: HubError. source: PATCH
    /api/v1/webhooks/{uid}
    """
    from stemtide.protocol.messages.webhooks import WebhookOut

    return Call((WebhookOut,), "PATCH", f"/api/v1/webhooks/{part(uid)}", body=body)


def list_webhook_deliveries(
    *,
    uid: UUID | str,
    state: WebhookDeliveryState | None = None,
    before: UUID | str | None = None,
    limit: int | None = None,
) -> Call[WebhookDeliveriesOut]:
    """List a webhook's deliveries, latest first: sent, queued, and given up with the reason.

    limit: If left out: 50.

    Needs a key with the scope webhooks:manage. raises: HubError. source: GET
    /api/v1/webhooks/{uid}/deliveries
    """
    from stemtide.protocol.messages.webhooks import WebhookDeliveriesOut

    return Call(
        (WebhookDeliveriesOut,),
        "GET",
        f"/api/v1/webhooks/{part(uid)}/deliveries",
        query={"state": state, "before": before, "limit": limit},
    )


def list_webhooks() -> Call[list[WebhookOut]]:
    """List your party's webhooks, oldest first.

    Needs a key with the scope webhooks:manage. raises: HubError. source: GET /api/v1/webhooks
    """
    from stemtide.protocol.messages.webhooks import WebhookOut

    return Call((list[WebhookOut],), "GET", "/api/v1/webhooks")


def read_webhook(*, uid: UUID | str) -> Call[WebhookOut]:
    """Retrieve a webhook of your party.

    Needs a key with the scope webhooks:manage. raises: HubError. source: GET /api/v1/webhooks/{uid}
    """
    from stemtide.protocol.messages.webhooks import WebhookOut

    return Call((WebhookOut,), "GET", f"/api/v1/webhooks/{part(uid)}")


def remove_webhook(*, uid: UUID | str) -> Call[None]:
    """Delete a webhook and its log. Queued events are not delivered.

    Needs a key with the scope webhooks:manage. raises: HubError. source: DELETE
    /api/v1/webhooks/{uid}
    """
    return Call((type(None),), "DELETE", f"/api/v1/webhooks/{part(uid)}")


def renew_webhook_secret(*, uid: UUID | str) -> Call[WebhookSecretOut]:
    """Create a new signing secret, shown only once. The old one also signs for another day.

    Needs a key with the scope webhooks:manage. raises: HubError. source: POST
    /api/v1/webhooks/{uid}/secret
    """
    from stemtide.protocol.messages.webhooks import WebhookSecretOut

    return Call((WebhookSecretOut,), "POST", f"/api/v1/webhooks/{part(uid)}/secret")


def retry_webhook_delivery(*, uid: UUID | str, delivery: UUID | str) -> Call[WebhookDeliveryOut]:
    """Retry a dead or stopped delivery from its first attempt, under the same id.

    Needs a key with the scope webhooks:manage. raises: HubError. source: POST
    /api/v1/webhooks/{uid}/deliveries/{delivery}/again
    """
    from stemtide.protocol.messages.webhooks import WebhookDeliveryOut

    return Call(
        (WebhookDeliveryOut,),
        "POST",
        f"/api/v1/webhooks/{part(uid)}/deliveries/{part(delivery)}/again",
    )


def try_webhook(*, uid: UUID | str) -> Call[WebhookDeliveryOut]:
    """Send a `webhook.test` event to this webhook only, also while it is paused or disabled.

    Needs a key with the scope webhooks:manage. raises: HubError. source: POST
    /api/v1/webhooks/{uid}/test
    """
    from stemtide.protocol.messages.webhooks import WebhookDeliveryOut

    return Call((WebhookDeliveryOut,), "POST", f"/api/v1/webhooks/{part(uid)}/test")
