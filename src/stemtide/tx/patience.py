# SPDX-License-Identifier: Apache-2.0
"""A client that waits where a hub asks it to: of tx, and of the commands above."""

import time
from collections.abc import Callable
from typing import Any

import httpx

MOST_S = 120
"""The longest wait that is waited. A hub's windows are shorter; what takes longer is for people."""

TRIES = 5


class PatientClient(httpx.Client):
    """An httpx client. On 429 it waits as `Retry-After` says, within bounds, and asks again.

    told: hears of each wait, in seconds. Bodies must be bytes or JSON: a stream is sent once.
    """

    def __init__(self, *, told: Callable[[int], object] = lambda _: None, **options: Any) -> None:  # noqa: ANN401  # httpx's own
        super().__init__(**options)
        self._told = told

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:  # noqa: ANN401  # httpx's own
        """Send, as often as it takes."""
        answer = super().send(request, **options)
        for _ in range(TRIES):
            wait_s = asked_wait_s(answer)
            if wait_s is None:
                break
            answer.close()
            self._told(wait_s)
            time.sleep(wait_s)
            answer = super().send(request, **options)
        return answer


def asked_wait_s(answer: httpx.Response) -> int | None:
    """How long an answer asks to wait; None where it does not, or for longer than is waited."""
    said = answer.headers.get("Retry-After", "")
    if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or not said.isdecimal():
        return None
    return max(1, int(said)) if int(said) <= MOST_S else None
