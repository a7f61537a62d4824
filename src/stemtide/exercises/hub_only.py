# SPDX-License-Identifier: Apache-2.0
"""Run a temporary hub for trying clients, with its addresses and secrets in one file.

1 start a hub with the cast of the exercises, which may call webhooks on this machine; 2 make a key
for each kind of client; 3 raise three crises, so that the TAXII account has collections of every
kind: read and write for the crisis that it joined, read for the closed one, neither for the one
it was only invited to (its feedback collection is always write-only); 4 write the file; 5 stay up.
An empty draft of the file is made first, so that a path that cannot be written is refused at once.
"""

import contextlib
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import httpx

from stemtide.exercises import cast, processes
from stemtide.exercises.stage import DemoError, RunningExercise, expect_ok, forget_settings
from stemtide.protocol.enums import Scope

ACCOUNT = cast.PROVIDERS[0]
"""The party whose keys are written: a provider that shares, reports and gives opinions."""

_READS = (Scope.FEED_READ,)
_SHARES = (Scope.SIGNALS_WRITE,)
_JUDGES = (Scope.FEEDBACK_WRITE,)


def run_hub(*, env_file: Path, folder: Path | None, port: int) -> None:
    """Start the hub, write its variables, and stay up until Ctrl-C or SIGTERM.

    raises: DemoError.
    """
    with contextlib.ExitStack() as stack:
        where = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stemtide-")))
        stage = RunningExercise(folder=where)
        stack.callback(stage.clear)
        try:
            draft = _draft(env_file)
            stack.callback(draft.unlink, missing_ok=True)
            people = _raise_hub(stage, port=port)
            _raise_crises(stage, people)
            _write(draft, _variables(stage, people))
            draft.replace(env_file)
        except processes.ProcessError as error:
            raise DemoError(str(error)) from error
        except httpx.HTTPError as error:
            raise DemoError(f"the hub broke off: {error}; its log is in {where}") from error
        except OSError as error:
            raise DemoError(f"{env_file} cannot be written: {error.strerror}") from error
        stack.callback(env_file.unlink, missing_ok=True)
        stage.say(f"Addresses and secrets are in {env_file}; it goes when the hub does.")
        stage.stay()


def _raise_hub(stage: RunningExercise, *, port: int) -> cast.Cast:
    """Step 1: start the hub with its cast."""
    forget_settings()
    folder = stage.hub_folder()
    stage.say("Making the hub's database, its parties and their keys")
    people = cast.create_cast(folder)
    stage.say("Starting the hub")
    allowed = {"STEMTIDE_WEBHOOK_LOOPBACK": "1"}
    hub = processes.hub(folder, port=port, environment=allowed)
    stage.running.append(hub)
    hub.start()
    stage.say(f"The hub is up: {hub.address}")
    stage.say(f"The board: {hub.address}/  sign in as {people.email}  password {people.password}")
    return people


def _raise_crises(stage: RunningExercise, people: cast.Cast) -> None:
    """Step 3: raise a crisis the account joined, one closed after it did, one it is invited to."""
    with (
        stage.client(people, cast.AUTHORITY) as authority,
        stage.client(people, ACCOUNT) as account,
    ):
        for name in ("joined", "closed", "asked"):
            warning = {
                "name": f"Crisis that was {name} (played)",
                "happened_at": datetime.now(UTC).isoformat(),
                "countries": ["BE", "IE"],
            }
            path = (
                f"/api/v1/crises/{expect_ok(authority.post('/api/v1/crises', json=warning))['id']}"
            )
            expect_ok(authority.post(f"{path}/invite", json={"parties": [ACCOUNT]}))
            if name != "asked":
                expect_ok(account.post(f"{path}/join"))
            if name == "closed":
                expect_ok(
                    authority.post(f"{path}/close", json={"reason": "a false alarm (played)"})
                )


def _variables(stage: RunningExercise, people: cast.Cast) -> dict[str, str]:
    """Step 2: return the environment variables for clients."""
    hub = stage.running[0].address
    fetch = cast.new_key(ACCOUNT, "stopncii fetch", _READS)
    submit = cast.new_key(ACCOUNT, "stopncii submit", (*_READS, *_SHARES))
    feedback = cast.new_key(ACCOUNT, "stopncii feedback", (*_READS, *_JUDGES))
    return {
        "HUB_URL": hub,
        "HUB_TOKEN": people.keys[cast.AUTHORITY],
        "TAXII_URL": f"{hub}/taxii2/",
        "TAXII_USER": ACCOUNT,
        "TAXII_PASSWORD": cast.new_key(ACCOUNT, "taxii", (*_READS, *_SHARES, *_JUDGES)),
        "STOPNCII_KEYS": f"{fetch},{fetch},{hub}/stopncii/v1",
        "STOPNCII_SUBMIT_KEY": submit,
        "STOPNCII_FEEDBACK_KEY": feedback,
        "MISP_URL": f"{hub}/misp/",
        "MISP_KEY": cast.new_key(ACCOUNT, "misp", (*_READS, *_JUDGES)),
    }


def _draft(path: Path) -> Path:
    """Create an empty file beside the one that is asked for, readable by its owner only."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    return draft


def _write(draft: Path, variables: dict[str, str]) -> None:
    """Step 4: write the variables."""
    draft.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), "utf-8")
