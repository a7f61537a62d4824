# SPDX-License-Identifier: Apache-2.0
"""Acts that rooms above do once they were approved.

A room has a module `approved_acts` that registers its acts. It is imported when the first act is
decided, so that this room knows none of those above it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.utils.module_loading import autodiscover_modules

from stemtide.hub.rooms.approvals.models import Approval
from stemtide.protocol.messages.signals import RowError
from stemtide.protocol.trust.second_look import WaitingAct


@dataclass(frozen=True, slots=True)
class ApprovedAct:
    """The functions for one kind of act. They run in the transaction of the decision, after it.

    do:   do the act; return the rows that are refused by now. If all are, raise RefusalError
          instead: the act then keeps waiting.
    end:  drop what waits; undo what was done at once.
    kept: note that what was done at once stays, because it was confirmed.
    """

    do: Callable[[Approval, datetime], list[RowError]]
    end: Callable[[Approval, datetime], None]
    kept: Callable[[Approval, datetime], list[RowError]] = lambda _approval, _now: []


_acts: dict[WaitingAct, ApprovedAct] = {}


def register(act: WaitingAct, functions: ApprovedAct) -> None:
    """Register the functions for a kind of act."""
    _acts[act] = functions


def functions_of(act: WaitingAct) -> ApprovedAct:
    """Return the functions for a kind of act."""
    _discover()
    return _acts[act]


@cache
def _discover() -> None:
    """Import the modules that register acts."""
    autodiscover_modules("approved_acts")
