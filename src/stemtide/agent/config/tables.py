# SPDX-License-Identifier: Apache-2.0
"""Validate the tables of agent.toml, with errors that name the setting."""

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


def read_secret(table: dict[str, Any], name: str, *, root: Path, prefix: str) -> None:
    """Replace name_file by the content of that file. raises: ConfigError."""
    file_name = table.pop(f"{name}_file", None)
    if file_name is None or name in table:
        return
    path = root / str(file_name)
    try:
        table[name] = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{prefix}{name}_file", f"cannot be read ({error}); check its path and owner"
        ) from error
    if not table[name]:
        empty = empty_key_file(path) if name == "key" else f"{path} is empty: put the secret in it"
        raise ConfigError(f"{prefix}{name}_file", empty)


def read_table(
    table: Mapping[str, Any],
    readers: Mapping[str, Callable[[Any], Any]],
    *,
    where: str,
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """Validate each value of a table with the reader of its name.

    where: prefix of the names in messages. also: further names to suggest for a typo.
    raises: ConfigError.
    """
    read = {}
    for name, value in table.items():
        if name not in readers:
            choices = [*readers, *also]
            raise ConfigError(where + name, f"is no setting of the agent; {nearest(name, choices)}")
        try:
            read[name] = readers[name](value)
        except ValueError as error:
            raise ConfigError(where + name, str(error)) from error
    return read


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a hint at the most similar name, or at all names."""
    close = difflib.get_close_matches(name, list(choices), n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(choices))}"
