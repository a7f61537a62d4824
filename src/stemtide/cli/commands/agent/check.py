# SPDX-License-Identifier: Apache-2.0
"""stemtide agent check: whether an agent would start, and whether uploads reach it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stemtide.cli.output import AsJson, fail, fail_on, print_result

if TYPE_CHECKING:
    from stemtide.agent.config.settings import Config
    from stemtide.fingerprints.sandbox.pool import Sandbox


def check(
    config: Annotated[
        Path | None,
        typer.Option(help="Path of agent.toml; without it, ./agent.toml or the environment."),
    ] = None,
    path: Annotated[
        bool,
        typer.Option("--path", help="Ask the hub and the running agent, too."),
    ] = False,
    upload: Annotated[
        str,
        typer.Option(
            help="An address at which your users upload: send a made-up picture there, too, and"
            " look whether the agent was asked.",
            metavar="ADDRESS",
        ),
    ] = "",
    field: Annotated[str, typer.Option(help="The field of the form for --upload.")] = "file",
    header: Annotated[
        list[str] | None,
        typer.Option(help="A header for --upload, such as 'Authorization: Bearer …'. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, walls of decoders, and the upload path.

    Exits with 1 if the agent would not start: a setting is wrong, a wall is missing that
    accept_missing_walls does not name, or text in pictures cannot be read.
    docs/understand/sandbox.md explains the walls. With --path or --upload it exits with 1 also if
    a step does not work.
    """
    headers = dict(_split_header(text) for text in header or ())
    settings = _check_start(config, as_json=as_json)
    if path or upload:
        _check_path(settings, upload, field=field, headers=headers, as_json=as_json)


def _split_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        fail(f"--header {text!r}: write it as 'Name: value'", code=2)
    return name.strip(), value.strip()


def _check_start(config: Path | None, *, as_json: bool) -> "Config":
    """Check the settings and the walls; return the settings."""
    from stemtide.agent.config.settings import ConfigError, load
    from stemtide.fingerprints.limits import SandboxError
    from stemtide.fingerprints.sandbox.pool import Sandbox
    from stemtide.fingerprints.sandbox.walls import OPENED, Wall, refusal

    with fail_on(ConfigError, SandboxError):
        settings = load(config)
        with Sandbox(languages=settings.text_in_pictures) as sandbox:
            standing = sandbox.walls()
            reading = _why_unread(sandbox)
    accepted = settings.accept_missing_walls
    for wall in Wall:
        row: dict[str, object] = {
            "wall": wall,
            "stands": wall in standing,
            "accepted": wall in accepted,
        }
        without = f"missing: a decoder could {OPENED[wall]}"
        without += ", which accept_missing_walls accepts" if wall in accepted else ""
        state = "stands" if wall in standing else without
        print_result(row, as_json=as_json, line=f"{wall:<12}{state}")
    if languages := settings.text_in_pictures:
        read = {"step": "text_in_pictures", "works": not reading, "text": reading}
        state = reading or f"is read in {', '.join(languages)}"
        print_result(read, as_json=as_json, line=f"text in pictures  {state}")
    if reason := refusal(standing, accepted=accepted):
        fail(f"accept_missing_walls {reason}")
    if reading:
        fail(f"text_in_pictures: {reading}")
    return settings


def _why_unread(sandbox: "Sandbox") -> str:
    """Return why text in pictures cannot be read; "" if it can, or shall not be."""
    from stemtide.fingerprints.limits import SandboxError

    try:
        if sandbox.languages:
            sandbox.check_reading()
    except SandboxError as error:
        return str(error)
    return ""


def _check_path(
    settings: "Config", upload: str, *, field: str, headers: dict[str, str], as_json: bool
) -> None:
    """Try each step of the path, and print its state."""
    from stemtide.agent.process.path_check import UploadAddress, try_path

    async def print_steps() -> list[str]:
        broken = []
        async for step in try_path(settings, UploadAddress(upload, field, headers)):
            row: dict[str, object] = {"step": step.name, "works": step.works, "text": step.text}
            mark = "" if step.works else "does not work: "
            print_result(row, as_json=as_json, line=f"{step.name:<12}{mark}{step.text}")
            broken += [] if step.works else [step.name]
        return broken

    if broken := asyncio.run(print_steps()):
        fail(f"the path of uploads does not work yet: {', '.join(broken)}")
