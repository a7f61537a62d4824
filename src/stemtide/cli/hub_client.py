# SPDX-License-Identifier: Apache-2.0
"""A client of the hub for commands, with error messages in one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.output import fail, print_note
from stemtide.protocol.key_files import empty_key_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel, ValidationError

    from stemtide.client import Hub as Client, HubError

Hub = Annotated[str, typer.Option("--hub", envvar="STEMTIDE_HUB_URL", help="The hub's address.")]
Key = Annotated[
    str,
    typer.Option(
        "--key",
        envvar="STEMTIDE_KEY",
        show_envvar=True,
        help="An API key; better in the environment, or in a file named by STEMTIDE_KEY_FILE.",
        show_default=False,
    ),
]
DEFAULT_HUB = "http://127.0.0.1:8100"

insists: ContextVar[bool] = ContextVar("stemtide_insists", default=False)
"""Whether the command began with --insist: stemtide --insist NOUN VERB."""

_PATIENT_S = 120.0
_MOST_BYTES = 1024 * 1024 * 1024  # a person waits for it, on a machine of their own
_MOST_SAID = 10


@contextmanager
def open_client(hub: str, key: str, *, patience_s: float = _PATIENT_S) -> "Iterator[Client]":
    """Open a client of the hub with a key; any error ends the command in one line.

    patience_s: total of all pauses that the hub may ask of one request; usually two windows in
    which a hub counts requests.

    Build messages inside this block as well: invalid ones are then reported in the hub's words.
    """
    from pydantic import ValidationError

    from stemtide.client import Hub as Client, HubError, Limits

    limits = Limits(
        read_s=_PATIENT_S,
        answer_s=10 * _PATIENT_S,
        answer_bytes=_MOST_BYTES,
        patience_s=patience_s,
        on_wait=_print_wait,
    )
    try:
        # Whoever types an address of plain http means it.
        with Client(
            hub,
            key=read_key(key),
            insecure=True,
            limits=limits,
            certificate=_certificate(),
            insists=insists.get(),
        ) as client:
            yield client
    except ValidationError as error:
        fail(_of_message(error))
    except HubError as error:
        fail(_of_hub(error, hub=hub))


def to_json(answer: "BaseModel | Sequence[BaseModel]") -> Any:  # noqa: ANN401  # JSON of any shape
    """Return a response as JSON."""
    from pydantic import BaseModel

    if isinstance(answer, BaseModel):
        return answer.model_dump(mode="json")
    return [model.model_dump(mode="json") for model in answer]


def _of_message(error: "ValidationError") -> str:
    """Describe the errors of a message that was not sent."""
    from stemtide.protocol.validation import field_problems, summary

    problems = field_problems(error)
    shown = [f"{problem.field}: {problem.message}" for problem in problems[:_MOST_SAID]]
    return _joined(summary(problems), shown)


def _of_hub(error: "HubError", *, hub: str) -> str:
    """Describe an error, in the hub's words if there are any."""
    from stemtide.client import UnreachableError

    if error.problem:
        rows = [
            (f"row {problem.row}, " if problem.row is not None else "")
            + f"{problem.field}: {problem.message}"
            for problem in error.problem.errors
        ]
        return _joined(error.problem.detail, rows[:_MOST_SAID])
    if error.status:
        return f"the hub answered {error.status}: {error.text}"
    if isinstance(error, UnreachableError) and error.__cause__:
        why = str(error.__cause__) or type(error.__cause__).__name__
        return f"the hub at {hub} cannot be reached ({why}); is it running, is --hub right?"
    return str(error)


def _joined(summary: str, rows: "list[str]") -> str:
    """Join a summary and the errors that it does not mention yet."""
    return "; ".join([summary, *(row for row in rows if row not in summary)])


def _print_wait(wait_s: float) -> None:
    """Print why the command waits."""
    print_note(f"the hub asks to wait {wait_s:g} s; the command then continues")


def _certificate() -> Path | None:
    """Return the client certificate that STEMTIDE_CERTIFICATE_FILE names; None for none."""
    path = os.environ.get("STEMTIDE_CERTIFICATE_FILE")
    return Path(path) if path else None


def read_key(key: str) -> str:
    """Return the key from --key, STEMTIDE_KEY or STEMTIDE_KEY_FILE."""
    path = os.environ.get("STEMTIDE_KEY_FILE")
    if not key and path:
        try:
            key = Path(path).read_text("utf-8").strip()
        except OSError as error:
            fail(f"STEMTIDE_KEY_FILE: {path}: {error.strerror}", code=2)
        if not key:
            fail(f"STEMTIDE_KEY_FILE: {empty_key_file(path)}", code=2)
    if not key:
        fail("a key is needed: set STEMTIDE_KEY, or create one with: stemtide key new", code=2)
    return key
