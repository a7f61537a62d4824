# SPDX-License-Identifier: Apache-2.0
"""The commands' end of the hub's API: one client, one way to say what went wrong."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.speech import fail

if TYPE_CHECKING:
    import httpx

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


@contextmanager
def hub_client(hub: str, key: str) -> "Iterator[httpx.Client]":
    """A client of the hub, with its key; connection trouble ends the command in one line."""
    import httpx

    try:
        with httpx.Client(base_url=hub, headers=headers(key), timeout=120) as client:
            yield client
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        fail(f"the hub at {hub} cannot be reached ({error}); is it running, is --hub right?")


def headers(key: str) -> dict[str, str]:
    """The header that carries the key, from --key, STEMTIDE_KEY or STEMTIDE_KEY_FILE."""
    path = os.environ.get("STEMTIDE_KEY_FILE")
    if not key and path:
        try:
            key = Path(path).read_text("utf-8").strip()
        except OSError as error:
            fail(f"STEMTIDE_KEY_FILE: {path}: {error.strerror}", code=2)
    if not key:
        fail("a key is needed: set STEMTIDE_KEY, or make one with: stemtide key new", code=2)
    return {"Authorization": f"Bearer {key}"}


def checked(answer: "httpx.Response") -> Any:  # noqa: ANN401  # JSON of any shape
    """The answer's JSON; a problem document ends the command with its words."""
    if answer.is_success:
        return answer.json()
    try:
        found = answer.json()
        errors = [
            (f"row {one['row']}, " if one.get("row") is not None else "")
            + f"{one['field']}: {one['message']}"
            for one in found.get("errors", [])
        ]
        return fail("; ".join([str(found["detail"]), *errors[:10]]))
    except (ValueError, KeyError, TypeError):
        return fail(f"the hub answered {answer.status_code}: {answer.text[:200]}")
