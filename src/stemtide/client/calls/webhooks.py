# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: webhooks.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.webhook_messages import (
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
    """Register an https address. Its signing secret is in this answer, and in no other.

    Needs a key with the scope webhooks:manage. raises: HubError. source: POST /api/v1/webhooks
    """
    from stemtide.protocol.webhook_messages import WebhookMadeOut

    return Call((WebhookMadeOut,), "POST", "/api/v1/webhooks", body=body)


def change_webhook(body: WebhookChangeIn, *, uid: UUID | str) -> Call[WebhookOut]:
    """Change what it is told, pause or resume it. Your key looks after it from now on.

    Needs a key with the scope webhooks:manage. raises: HubError. source: PATCH
    /api/v1/webhooks/{uid}
    """
    from stemtide.protocol.webhook_messages import WebhookOut

    return Call((WebhookOut,), "PATCH", f"/api/v1/webhooks/{part(uid)}", body=body)


def list_webhook_deliveries(
    *,
    uid: UUID | str,
    state: WebhookDeliveryState | None = None,
    before: UUID | str | None = None,
    limit: int | None = None,
) -> Call[WebhookDeliveriesOut]:
    """Its delivery log, the latest first: what arrived, what waits, what was given up and why.

    limit: If left out: 50.

    Needs a key with the scope webhooks:manage. raises: HubError. source: GET
    /api/v1/webhooks/{uid}/deliveries
    """
    from stemtide.protocol.webhook_messages import WebhookDeliveriesOut

    return Call(
        (WebhookDeliveriesOut,),
        "GET",
        f"/api/v1/webhooks/{part(uid)}/deliveries",
        query={"state": state, "before": before, "limit": limit},
    )


def list_webhooks() -> Call[list[WebhookOut]]:
    """Your party's webhooks, the oldest first.

    Needs a key with the scope webhooks:manage. raises: HubError. source: GET /api/v1/webhooks
    """
    from stemtide.protocol.webhook_messages import WebhookOut

    return Call((list[WebhookOut],), "GET", "/api/v1/webhooks")


def read_webhook(*, uid: UUID | str) -> Call[WebhookOut]:
    """One webhook of your party.

    Needs a key with the scope webhooks:manage. raises: HubError. source: GET /api/v1/webhooks/{uid}
    """
    from stemtide.protocol.webhook_messages import WebhookOut

    return Call((WebhookOut,), "GET", f"/api/v1/webhooks/{part(uid)}")


def remove_webhook(*, uid: UUID | str) -> Call[None]:
    """Take it away, with its log; what is on its way is not delivered any more.

    Needs a key with the scope webhooks:manage. raises: HubError. source: DELETE
    /api/v1/webhooks/{uid}
    """
    return Call((type(None),), "DELETE", f"/api/v1/webhooks/{part(uid)}")


def renew_webhook_secret(*, uid: UUID | str) -> Call[WebhookSecretOut]:
    """Give it a new signing secret, shown this once; the one before signs beside it for a day.

    Needs a key with the scope webhooks:manage. raises: HubError. source: POST
    /api/v1/webhooks/{uid}/secret
    """
    from stemtide.protocol.webhook_messages import WebhookSecretOut

    return Call((WebhookSecretOut,), "POST", f"/api/v1/webhooks/{part(uid)}/secret")


def retry_webhook_delivery(*, uid: UUID | str, delivery: UUID | str) -> Call[WebhookDeliveryOut]:
    """Try what is dead or stopped again, from its first attempt, under the same id.

    Needs a key with the scope webhooks:manage. raises: HubError. source: POST
    /api/v1/webhooks/{uid}/deliveries/{delivery}/again
    """
    from stemtide.protocol.webhook_messages import WebhookDeliveryOut

    return Call(
        (WebhookDeliveryOut,),
        "POST",
        f"/api/v1/webhooks/{part(uid)}/deliveries/{part(delivery)}/again",
    )


def try_webhook(*, uid: UUID | str) -> Call[WebhookDeliveryOut]:
    """Send it, and no other, a `webhook.test`; also while it is paused or disabled.

    Needs a key with the scope webhooks:manage. raises: HubError. source: POST
    /api/v1/webhooks/{uid}/test
    """
    from stemtide.protocol.webhook_messages import WebhookDeliveryOut

    return Call((WebhookDeliveryOut,), "POST", f"/api/v1/webhooks/{part(uid)}/test")
