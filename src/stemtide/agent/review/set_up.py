# SPDX-License-Identifier: Apache-2.0
"""Set an agent up from a form: check the answers, ask the hub about the key, write the files.

1 Nothing is written before the hub has accepted the key and the settings are those of an agent that
  would start.
2 Existing files are never overwritten.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtide.agent.config.settings import Config, parse
from stemtide.agent.config.tables import ConfigError
from stemtide.agent.hub.client import Client, Me
from stemtide.client import HubError
from stemtide.protocol.enums import Scope

KEY_FILE, DATA_DIR = "hub.key", "var/agent"
FIELDS = ("hub_url", "key", "name", "port", "policy")
_MODE = 0o600
_PORT_DIGITS = 5
_UNKNOWN_KEY = 401
NEEDED = (Scope.FEED_READ, Scope.FEEDBACK_WRITE)
USEFUL = (Scope.REQUESTS_READ, Scope.COMPLAINTS_WRITE)
"""With these the page lists what waits at the hub."""


class SetUpError(Exception):
    """An answer does not work. field: of the form; "" for none. The message has the remedy."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ProposedPolicy:
    """A policy to choose from: in words, and its rules as TOML; "" for the default ones."""

    title: str
    sentences: tuple[str, ...]
    toml: str


_ONE_RULE = '[[policy.rules]]\nname = "{name}"\naction = "{action}"\ndisputed = "also"\n'

PROPOSED = {
    "standard": ProposedPolicy(
        "Block what is grave and sure, and hold the rest for you",
        (
            "A match is blocked if it is grave, its sharer sure, and enough parties support it.",
            "What bystanders, victims or media made is held for you: it may be news or evidence.",
            "Everything else that matches is held for you, too.",
        ),
        "",
    ),
    "hold": ProposedPolicy(
        "Hold every match for you",
        ("Nothing is blocked before you have decided on the review page.",),
        _ONE_RULE.format(name="a-person-decides", action="hold"),
    ),
    "log": ProposedPolicy(
        "Only write down what matches",
        ("Nothing is blocked or held. Choose this to see first what would match.",),
        _ONE_RULE.format(name="look-first", action="log"),
    ),
}


@dataclass(frozen=True, slots=True)
class SetUpResult:
    """A set-up that was written. lacks: useful scopes that the key does not have."""

    config: Config
    party: str
    policy: ProposedPolicy
    lacks: tuple[Scope, ...]


async def set_up(answers: Mapping[str, str], *, file: Path) -> SetUpResult:
    """Check the answers of the form, and write agent.toml and the key beside it.

    raises: SetUpError.
    """
    policy = PROPOSED.get(answers["policy"])
    if policy is None:
        raise SetUpError("", "Choose what happens to a match.")
    text = _toml(answers, policy)
    config = _parse(text, key=answers["key"], root=file.parent)
    me = await _whoami(config)
    lacks = [scope for scope in NEEDED if scope not in me.scopes]
    if lacks:
        raise SetUpError(
            "key",
            f"This key lacks {' and '.join(lacks)}. Make one that has {' and '.join(NEEDED)}, at"
            " the hub's desk under Keys, or ask the hub's operator.",
        )
    key_file = file.with_name(KEY_FILE)
    _write(key_file, f"{answers['key']}\n")
    try:
        _write(file, text)
    except SetUpError:
        with suppress(OSError):
            key_file.unlink()
        raise
    useful = tuple(scope for scope in USEFUL if scope not in me.scopes)
    return SetUpResult(config, me.party, policy, useful)


def _toml(answers: Mapping[str, str], policy: ProposedPolicy) -> str:
    """Return an agent.toml."""
    lines = [
        f"name = {_toml_string(answers['name'])}",
        f"hub_url = {_toml_string(answers['hub_url'])}",
        f"key_file = {_toml_string(KEY_FILE)}",
        f"data_dir = {_toml_string(DATA_DIR)}",
        f"port = {_port(answers['port'])}",
        "",
        "[review]",
        "enabled = true",
        "",
        policy.toml,
    ]
    return "\n".join(lines)


def _toml_string(text: str) -> str:
    """Return text as TOML: as JSON, which writes some signs as pairs that TOML does not know."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _PORT_DIGITS):
        raise SetUpError("port", "Enter a number from 1 to 65535, such as 8471.")
    return int(text)


def _parse(text: str, *, key: str, root: Path) -> Config:
    """Return the settings that a file would give. raises: SetUpError."""
    raw: dict[str, Any] = tomllib.loads(text)
    del raw["key_file"]
    try:
        return parse(raw | {"key": key}, root=root)
    except ConfigError as error:
        field = error.setting if error.setting in FIELDS else ""
        raise SetUpError(field, f"{error.setting}: {error.trouble}") from error


async def _whoami(config: Config) -> Me:
    """Ask the hub whose key it is. raises: SetUpError."""
    try:
        async with Client(config) as client:
            return await client.whoami()
    except HubError as error:
        if error.status == _UNKNOWN_KEY:
            raise SetUpError(
                "key",
                "The hub does not know this key, or no longer. Copy it again, or make a new one.",
            ) from error
        raise SetUpError("hub_url", f"The hub could not be asked: {error.trouble}") from error


def _write(path: Path, text: str) -> None:
    """Write a new file that only this user can read. raises: SetUpError."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w") as file:
            file.write(text)
    except FileExistsError as error:
        raise SetUpError("", f"{path} is there already: move it away, then try again.") from error
    except OSError as error:
        raise SetUpError("", f"{path} cannot be written ({error.strerror}).") from error
