# SPDX-License-Identifier: Apache-2.0
"""The parts that routes about single signals share."""

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.requests import Request

from stemtide.agent.config.settings import Config
from stemtide.agent.http.match_requests import BadRequestError
from stemtide.agent.store.database import Store
from stemtide.protocol.problems import ProblemType


class SignalRoutes:
    """Routes about single signals. wake: called if actions or wanted banks changed."""

    def __init__(self, *, config: Config, store: Store, wake: Callable[[], None]) -> None:
        self._config = config
        self._store = store
        self._wake = wake


def signal_of(request: Request) -> str:
    """Return the signal that a request names."""
    name: str = request.path_params["signal"]
    return name.lower()


def not_found(template: str, signal: str) -> BadRequestError:
    """Return the error for a signal that is not in a list. template: with a place for its name."""
    return BadRequestError(ProblemType.NOT_FOUND, template.format(repr(signal[:100])))


def time_text(second: float) -> str:
    """Return a Unix time in UTC, as JSON has it."""
    return datetime.fromtimestamp(second, UTC).isoformat()
