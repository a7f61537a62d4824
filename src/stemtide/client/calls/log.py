# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: log.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call

if TYPE_CHECKING:
    from stemtide.protocol.sync.agents import Accepted
    from stemtide.protocol.sync.proofs import ProofsIn, ProofsOut
    from stemtide.protocol.sync.witnesses import CosignatureIn


def cosign_head(body: CosignatureIn) -> Call[Accepted]:
    """Cosign a head that the hub offers at /log/offered, as a witness of your party.

    The first cosignature of a key adds it as a witness. Sending one again changes nothing.

    Needs a key with the scope feedback:write. raises: HubError. source: POST
    /api/v1/log/cosignatures
    """
    from stemtide.protocol.sync.agents import Accepted

    return Call((Accepted,), "POST", "/api/v1/log/cosignatures", body=body)


def prove_signals(body: ProofsIn) -> Call[ProofsOut]:
    """Retrieve proofs that signals of your feed are in a signed head of the log.

    The answer says nothing of signals that you may not see.

    Needs a key with the scope feed:read. raises: HubError. source: POST /api/v1/log/proofs
    """
    from stemtide.protocol.sync.proofs import ProofsOut

    return Call((ProofsOut,), "POST", "/api/v1/log/proofs", body=body)
