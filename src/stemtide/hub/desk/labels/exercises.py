# SPDX-License-Identifier: Apache-2.0
"""Labels and colours of exercises."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from stemtide.protocol.enums.exercises import InstructionKind, RunState, RunStepState
from stemtide.scenarios.acts import NewsKind

if TYPE_CHECKING:
    from stemtide.hub.desk.labels import Words

LABELS: "dict[str, dict[str, Words]]" = {
    "run": {
        RunState.READY: _("ready"),
        RunState.RUNNING: _("running"),
        RunState.PAUSED: _("paused"),
        RunState.ENDED: _("ended"),
    },
    "step": {
        RunStepState.DUE: _("due"),
        RunStepState.WAITING: _("waiting for another step"),
        RunStepState.PEOPLE: _("people are to do it"),
        RunStepState.DONE: _("done"),
        RunStepState.SKIPPED: _("skipped"),
        RunStepState.REFUSED: _("refused"),
    },
    "instruction": {
        InstructionKind.INJECT: _("Inject now"),
        InstructionKind.SKIP: _("Skip"),
        InstructionKind.SPEED: _("Speed"),
        InstructionKind.SAY: _("Speak as a bot"),
    },
    "news": {
        NewsKind.SIGHTING: _("sighting"),
        NewsKind.TIP: _("tip"),
        NewsKind.PRESS_CALL: _("press call"),
        NewsKind.RUMOUR: _("rumour"),
        NewsKind.LEAK: _("leak"),
        NewsKind.NEW_VARIANT: _("new variant"),
        NewsKind.COURT_ORDER: _("court order"),
        "material": _("material"),
        "copies": _("copies to upload"),
    },
}

TONES: dict[str, dict[str, str]] = {
    "run": {RunState.RUNNING: "good", RunState.PAUSED: "warn"},
    "step": {
        RunStepState.PEOPLE: "warn",
        RunStepState.DONE: "good",
        RunStepState.REFUSED: "bad",
    },
}
