# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: exchanges.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from stemtide.interop.exchanges import (
        BroughtOut,
        ExchangeLineOut,
        ExchangeOut,
        WithdrawAllIn,
        WithdrawalOut,
    )


def list_exchanges() -> Call[list[ExchangeOut]]:
    """List exchanges with other hubs and their status, for parties that coordinate.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/exchanges
    """
    from stemtide.interop.exchanges import ExchangeOut

    return Call((list[ExchangeOut],), "GET", "/api/v1/exchanges")


def pause_exchange(*, name: str) -> Call[ExchangeOut]:
    """Pause an exchange, as an agency. Signals that it brought stay.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/exchanges/{name}/pause
    """
    from stemtide.interop.exchanges import ExchangeOut

    return Call((ExchangeOut,), "POST", f"/api/v1/exchanges/{part(name)}/pause")


def read_brought(*, name: str) -> Call[BroughtOut]:
    """Count the live signals that an exchange brought, and retrieve their last withdrawal.

    Needs a key with the scope feed:read. raises: HubError. source: GET
    /api/v1/exchanges/{name}/brought
    """
    from stemtide.interop.exchanges import BroughtOut

    return Call((BroughtOut,), "GET", f"/api/v1/exchanges/{part(name)}/brought")


def read_exchange(*, name: str) -> Call[ExchangeOut]:
    """Retrieve an exchange.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/exchanges/{name}
    """
    from stemtide.interop.exchanges import ExchangeOut

    return Call((ExchangeOut,), "GET", f"/api/v1/exchanges/{part(name)}")


def read_exchange_log(*, name: str) -> Call[list[ExchangeLineOut]]:
    """List an exchange's log, latest first; at most 200 lines.

    Needs a key with the scope feed:read. raises: HubError. source: GET /api/v1/exchanges/{name}/log
    """
    from stemtide.interop.exchanges import ExchangeLineOut

    return Call((list[ExchangeLineOut],), "GET", f"/api/v1/exchanges/{part(name)}/log")


def restore_brought(*, name: str) -> Call[WithdrawalOut]:
    """Begin to share again what the last withdrawal of all withdrew, as an agency.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/exchanges/{name}/restore
    """
    from stemtide.interop.exchanges import WithdrawalOut

    return Call((WithdrawalOut,), "POST", f"/api/v1/exchanges/{part(name)}/restore")


def resume_exchange(*, name: str) -> Call[ExchangeOut]:
    """Resume an exchange, as an agency, from where it stopped.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/exchanges/{name}/resume
    """
    from stemtide.interop.exchanges import ExchangeOut

    return Call((ExchangeOut,), "POST", f"/api/v1/exchanges/{part(name)}/resume")


def withdraw_brought(body: WithdrawAllIn, *, name: str) -> Call[WithdrawalOut]:
    """Pause an exchange and begin to withdraw every signal that it brought, as an agency.

    Beyond the withdrawals of a day, each waits for a second person.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/exchanges/{name}/withdraw
    """
    from stemtide.interop.exchanges import WithdrawalOut

    return Call((WithdrawalOut,), "POST", f"/api/v1/exchanges/{part(name)}/withdraw", body=body)
