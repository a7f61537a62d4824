# SPDX-License-Identifier: Apache-2.0
"""The requests of the key of a party that a bot plays in an exercise. Decision 0174.

What is read here is filtered: such a party sees nothing real. What is written must be marked as an
exercise, or the ledger refuses it. Every other request is refused, and while the exercise does not
run, every act.
"""

import re

from stemtide.hub.api.problems import ProblemError
from stemtide.protocol.problems import ProblemType

_ID = "[0-9a-f-]{36}"
_DOORS = re.compile(
    "|".join(
        (
            "GET /api/v1/(whoami|feed|events/stream|segments(/[^/]+)?|allowlist/file)",
            f"GET /api/v1/(crises|leads|referrals|orders|signals)/{_ID}",
            f"GET /api/v1/crises(/{_ID}/(participants|messages))?",
            "PUT /api/v1/agents/.+",
            "PUT /api/v1/allowlist/matches/[^/]+",
            f"PUT /api/v1/(crises/{_ID}/checks/[^/]+|signals/{_ID}/opinion)",
            f"POST /api/v1/(outcomes|signals|signals/bulk|signals/{_ID}/withdraw|crises|leads)",
            f"POST /api/v1/crises/{_ID}/.+",
            f"POST /api/v1/leads/{_ID}/(receive|pass-on|close)",
            f"POST /api/v1/(holds|referrals|referrals/{_ID}/(acknowledge|answer))",
            f"POST /api/v1/(batches|batches/{_ID}/rows|orders)",
            f"POST /api/v1/orders/{_ID}/(issue|confirm|acknowledge|execute|suspend|withdraw)",
        )
    )
)


_ACTS = frozenset({"POST", "PUT"})
_REPORTS = re.compile("/api/v1/(agents/.+|allowlist/matches/[^/]+|outcomes)")
"""What agents report of themselves: it alerts nobody, and is lost if it is refused."""


def acts_in_exercise(method: str, path: str) -> bool:
    """Whether a request of a bot is an act, which only a running exercise allows."""
    return method in _ACTS and not _REPORTS.fullmatch(path)


def check_bot_door(method: str, path: str) -> None:
    """Refuse a request that no bot needs. raises: ProblemError."""
    if not _DOORS.fullmatch(f"{method} {path}"):
        raise ProblemError(
            ProblemType.NOT_ALLOWED,
            "this key acts for a party of an exercise: it can do what bots do there, and no more",
        )
