# SPDX-License-Identifier: Apache-2.0
"""Questions to a hub: exercises.

Made from docs/use/openapi.json by python -m tests.house.client; a test holds it equal to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stemtide.client.call import Call, part

if TYPE_CHECKING:
    from uuid import UUID

    from stemtide.protocol.enums.exercises import RunAct
    from stemtide.protocol.exercises import (
        BotKeyOut,
        ObservationIn,
        ObservationOut,
        PlayOut,
        ProgressIn,
        RunEntriesPage,
        RunIn,
        RunNewsIn,
        RunOut,
        ScenarioOut,
    )


def bring_exercise_news(body: RunNewsIn, *, uid: UUID | str) -> Call[None]:
    """Bring news to members of the cast that people play.

    Needs a key with the scope exercises:run. raises: HubError. source: POST
    /api/v1/exercises/{uid}/news
    """
    return Call((type(None),), "POST", f"/api/v1/exercises/{part(uid)}/news", body=body)


def direct_exercise(*, uid: UUID | str, verb: RunAct) -> Call[RunOut]:
    """Start, pause, resume or end an exercise.

    verb: Act of a director on a run.

    Needs a key with the scope exercises:run. raises: HubError. source: POST
    /api/v1/exercises/{uid}/do/{verb}
    """
    from stemtide.protocol.exercises import RunOut

    return Call((RunOut,), "POST", f"/api/v1/exercises/{part(uid)}/do/{part(verb)}")


def list_exercise_entries(*, uid: UUID | str, after: int | None = None) -> Call[RunEntriesPage]:
    """List the ledger entries of an exercise that your party directs, oldest first.

    Needs a key with the scope exercises:run. raises: HubError. source: GET
    /api/v1/exercises/{uid}/entries
    """
    from stemtide.protocol.exercises import RunEntriesPage

    return Call(
        (RunEntriesPage,), "GET", f"/api/v1/exercises/{part(uid)}/entries", query={"after": after}
    )


def list_exercises() -> Call[list[RunOut]]:
    """List the exercises that your party directs or plays in, the latest first.

    Needs a key with the scope exercises:run. raises: HubError. source: GET /api/v1/exercises
    """
    from stemtide.protocol.exercises import RunOut

    return Call((list[RunOut],), "GET", "/api/v1/exercises")


def list_observations(*, uid: UUID | str) -> Call[list[ObservationOut]]:
    """List observations, oldest first: all if your party directs, else its own.

    Needs a key with the scope exercises:run. raises: HubError. source: GET
    /api/v1/exercises/{uid}/observations
    """
    from stemtide.protocol.exercises import ObservationOut

    return Call((list[ObservationOut],), "GET", f"/api/v1/exercises/{part(uid)}/observations")


def note_observation(body: ObservationIn, *, uid: UUID | str) -> Call[ObservationOut]:
    """Note an observation at the present minute of the exercise.

    Needs a key with the scope exercises:run. raises: HubError. source: POST
    /api/v1/exercises/{uid}/observations
    """
    from stemtide.protocol.exercises import ObservationOut

    return Call((ObservationOut,), "POST", f"/api/v1/exercises/{part(uid)}/observations", body=body)


def prepare_exercise(body: RunIn) -> Call[RunOut]:
    """Prepare an exercise: its bots get parties of their own, and the people are told.

    Needs a key with the scope exercises:run. raises: HubError. source: POST /api/v1/exercises
    """
    from stemtide.protocol.exercises import RunOut

    return Call((RunOut,), "POST", "/api/v1/exercises", body=body)


def read_exercise(*, uid: UUID | str) -> Call[RunOut]:
    """Read the state of an exercise.

    Needs a key with the scope exercises:run. raises: HubError. source: GET /api/v1/exercises/{uid}
    """
    from stemtide.protocol.exercises import RunOut

    return Call((RunOut,), "GET", f"/api/v1/exercises/{part(uid)}")


def read_exercise_scenario(*, uid: UUID | str) -> Call[ScenarioOut]:
    """Read the scenario of an exercise that your party directs.

    Needs a key with the scope exercises:run. raises: HubError. source: GET
    /api/v1/exercises/{uid}/scenario
    """
    from stemtide.protocol.exercises import ScenarioOut

    return Call((ScenarioOut,), "GET", f"/api/v1/exercises/{part(uid)}/scenario")


def renew_bot_keys(*, uid: UUID | str) -> Call[list[BotKeyOut]]:
    """Create a key for each bot of an exercise; earlier ones no longer work.

    Needs a key with the scope exercises:run. raises: HubError. source: POST
    /api/v1/exercises/{uid}/keys
    """
    from stemtide.protocol.exercises import BotKeyOut

    return Call((list[BotKeyOut],), "POST", f"/api/v1/exercises/{part(uid)}/keys")


def report_exercise(body: ProgressIn, *, uid: UUID | str) -> Call[PlayOut]:
    """Report how far an exercise has come; the response has what its director asks for.

    Needs a key with the scope exercises:run. raises: HubError. source: PUT
    /api/v1/exercises/{uid}/progress
    """
    from stemtide.protocol.exercises import PlayOut

    return Call((PlayOut,), "PUT", f"/api/v1/exercises/{part(uid)}/progress", body=body)
