# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: exchanges.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from stemtide.protocol.exchanges import ExchangeLineOut, ExchangeOut


def list_exchanges() -> Call[list[ExchangeOut]]:
    """Exchanges with other hubs and how each stands, for parties that coordinate.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/exchanges
    """
    from stemtide.protocol.exchanges import ExchangeOut

    return Call((list[ExchangeOut],), "GET", "/api/v1/exchanges")


def pause_exchange(*, name: str) -> Call[ExchangeOut]:
    """Stop asking the other hub, as an agency. What it brought stays.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/exchanges/{name}/pause
    """
    from stemtide.protocol.exchanges import ExchangeOut

    return Call((ExchangeOut,), "POST", f"/api/v1/exchanges/{part(name)}/pause")


def read_exchange(*, name: str) -> Call[ExchangeOut]:
    """One exchange.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/exchanges/{name}
    """
    from stemtide.protocol.exchanges import ExchangeOut

    return Call((ExchangeOut,), "GET", f"/api/v1/exchanges/{part(name)}")


def read_exchange_log(*, name: str) -> Call[list[ExchangeLineOut]]:
    """What happened at an exchange, latest first; at most 200 lines.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/exchanges/{name}/log
    """
    from stemtide.protocol.exchanges import ExchangeLineOut

    return Call((list[ExchangeLineOut],), "GET", f"/api/v1/exchanges/{part(name)}/log")


def resume_exchange(*, name: str) -> Call[ExchangeOut]:
    """Go on, as an agency, from where it stood.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/exchanges/{name}/resume
    """
    from stemtide.protocol.exchanges import ExchangeOut

    return Call((ExchangeOut,), "POST", f"/api/v1/exchanges/{part(name)}/resume")
