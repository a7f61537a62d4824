# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: signing.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call

if TYPE_CHECKING:
    from stemtide.protocol.signing.messages import SigningKeyIn, SigningKeyOut, SigningKeyRevokeIn


def add_signing_key(body: SigningKeyIn) -> Call[SigningKeyOut]:
    """Add a public key of your party, in place of another one if you name it.

    Signals that are signed with the other one keep their signatures.

    Needs a key with the scope signals:write. raises: HubError. source: POST /api/v1/signing-keys
    """
    from stemtide.protocol.signing.messages import SigningKeyOut

    return Call((SigningKeyOut,), "POST", "/api/v1/signing-keys", body=body)


def list_signing_keys() -> Call[list[SigningKeyOut]]:
    """List the public keys with which parties sign signals, those that ended included.

    Any key will do. raises: HubError. source: GET /api/v1/signing-keys
    """
    from stemtide.protocol.signing.messages import SigningKeyOut

    return Call((list[SigningKeyOut],), "GET", "/api/v1/signing-keys")


def revoke_signing_key(body: SigningKeyRevokeIn) -> Call[SigningKeyOut]:
    """Revoke a key of your party. Agents believe the keys of their own files: tell providers.

    Needs a key with the scope signals:write. raises: HubError. source: POST
    /api/v1/signing-keys/revoke
    """
    from stemtide.protocol.signing.messages import SigningKeyOut

    return Call((SigningKeyOut,), "POST", "/api/v1/signing-keys/revoke", body=body)
