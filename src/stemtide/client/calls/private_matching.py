# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: private, matching.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call

if TYPE_CHECKING:
    from stemtide.protocol.private_match.messages import (
        BlindedIn,
        BucketsIn,
        BucketsOut,
        EvaluatedOut,
        PrivateMatchOut,
    )


def evaluate_blinded(body: BlindedIn) -> Call[EvaluatedOut]:
    """Evaluate blinded digests with the key of the epoch (RFC 9497, mode VOPRF).

    The hub learns how many there are. They count towards the party's limit of a day.

    Needs a key with the scope private:match. raises: HubError. source: POST
    /api/v1/private-match/evaluations
    """
    from stemtide.protocol.private_match.messages import EvaluatedOut

    return Call((EvaluatedOut,), "POST", "/api/v1/private-match/evaluations", body=body)


def get_private_match() -> Call[PrivateMatchOut]:
    """Read the epoch in use, its public key and the limits of private matching.

    The hub evaluates its digests only while parties ask. After a week without any, the first
    answer is 503.

    Needs a key with the scope private:match. raises: HubError. source: GET /api/v1/private-match
    """
    from stemtide.protocol.private_match.messages import PrivateMatchOut

    return Call((PrivateMatchOut,), "GET", "/api/v1/private-match")


def read_buckets(body: BucketsIn) -> Call[BucketsOut]:
    """Read buckets of sealed rows, of live signals that your party may see.

    A row opens for the output of its own digest alone: to a signal's id, and the strongest action
    that its marks allow.

    Needs a key with the scope private:match. raises: HubError. source: POST
    /api/v1/private-match/buckets
    """
    from stemtide.protocol.private_match.messages import BucketsOut

    return Call((BucketsOut,), "POST", "/api/v1/private-match/buckets", body=body)
