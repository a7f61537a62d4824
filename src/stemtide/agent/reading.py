# SPDX-License-Identifier: Apache-2.0
"""How the tables of agent.toml are read, and what is said where one is wrong."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from stemtide.protocol.key_files import empty_key_file


class ConfigError(ValueError):
    """A setting is missing or wrong. The message names the setting and the remedy."""

    def __init__(self, setting: str, trouble: str) -> None:
        super().__init__(f"{setting}: {trouble}")
        self.setting = setting
        self.trouble = trouble


def read_secret(given: dict[str, Any], name: str, *, root: Path, prefix: str) -> None:
    """Replace name_file by what that file says. raises: ConfigError."""
    named = given.pop(f"{name}_file", None)
    if named is None or name in given:
        return
    path = root / str(named)
    try:
        given[name] = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{prefix}{name}_file", f"cannot be read ({error}); check its path and owner"
        ) from error
    if not given[name]:
        empty = empty_key_file(path) if name == "key" else f"{path} is empty: put the secret in it"
        raise ConfigError(f"{prefix}{name}_file", empty)


def read_table(
    given: Mapping[str, Any],
    known: Mapping[str, Callable[[Any], Any]],
    *,
    where: str,
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """Check each value of a table with the reader of its name.

    where: how messages name the table. also: further names that a typo may have meant.
    raises: ConfigError.
    """
    read = {}
    for name, value in given.items():
        if name not in known:
            choices = [*known, *also]
            raise ConfigError(where + name, f"is no setting of the agent; {nearest(name, choices)}")
        try:
            read[name] = known[name](value)
        except ValueError as error:
            raise ConfigError(where + name, str(error)) from error
    return read


def nearest(name: str, known: Iterable[str]) -> str:
    """What was probably meant."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known))}"
