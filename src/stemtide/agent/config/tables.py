# SPDX-License-Identifier: Apache-2.0
"""Read the tables of agent.toml into dataclasses, with errors that name the setting.

A field's type says how its value is validated. Where the type is not enough, the field is
Annotated with a validator of values.py. A text says what to do if the setting is missing:

    port: Annotated[int, values.number(0, 65_535)] = 8471
    name: Annotated[str, values.agent_name, 'give the agent a name, such as name = "uploads-1"']

A dataclass may have a method check, which rejects settings that are valid only one by one.
A field that is not shown in repr is a secret: a setting of the same name and _file may name a file
with it.
"""

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from stemtide.agent.config import values
from stemtide.protocol.key_files import empty_key_file

Settings = TypeVar("Settings")


class ConfigError(ValueError):
    """A setting is missing or wrong. The message names the setting and the remedy."""

    def __init__(self, setting: str, trouble: str) -> None:
        super().__init__(f"{setting}: {trouble}")
        self.setting = setting
        self.trouble = trouble


def read_table(
    kind: type[Settings],
    table: object,
    *,
    name: str,
    root: Path,
    also: Collection[str] = (),
    ready: Mapping[str, Any] | None = None,
) -> Settings:
    """Read a table into a dataclass. raises: ConfigError.

    name:  of the table in messages; "" for the whole file. root: where relative paths start from.
    also:  further names to suggest for a typo.
    ready: fields that are not settings of this table, with their values.
    """
    if not isinstance(table, dict):
        raise ConfigError(name, f"must be a table: write [{name}] above its settings")
    where, ready = f"{name}." if name else "", ready or {}
    secrets = {field.name for field in fields(kind) if not field.repr}  # type: ignore[arg-type]  # a dataclass
    table = _read_secrets(table, secrets, where=where, root=root)
    hints = {
        setting: hint
        for setting, hint in get_type_hints(kind, include_extras=True).items()
        if setting not in ready
    }
    read = dict(ready)
    for setting, value in table.items():
        if setting not in hints:
            choices = [*hints, *also]
            raise ConfigError(
                where + setting, f"is no setting of the agent; {nearest(setting, choices)}"
            )
        try:
            read[setting] = _reader(hints[setting], name=where + setting, root=root)(value)
        except ConfigError:
            raise
        except ValueError as error:
            raise ConfigError(where + setting, str(error)) from error
    for setting, hint in hints.items():
        for remedy in getattr(hint, "__metadata__", ()):
            if isinstance(remedy, str) and read.get(setting, "") == "":
                raise ConfigError(where + setting, f"is missing; {remedy}")
    settings = kind(**read)
    if check := getattr(settings, "check", None):
        check()
    return settings


def _reader(hint: Any, *, name: str, root: Path) -> Callable[[Any], Any]:  # noqa: ANN401, PLR0911 - a type, whatever it is; one answer each
    """Return the validator of a field's type."""
    if get_origin(hint) is Annotated:
        validators: list[Callable[[Any], Any]] = list(filter(callable, hint.__metadata__))
        return validators[0] if validators else _reader(get_args(hint)[0], name=name, root=root)
    if NoneType in get_args(hint):
        reader = _reader(get_args(hint)[0], name=name, root=root)
        return lambda value: None if value == {} else reader(value)
    if get_origin(hint) is frozenset:
        return values.several(_reader(get_args(hint)[0], name=name, root=root))
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda table: read_table(hint, table, name=name, root=root)
    if hint is Path:
        return lambda value: root / values.path(value)
    if issubclass(hint, StrEnum):
        return values.choice(hint)
    return values.flag if hint is bool else values.text


def _read_secrets(
    table: Mapping[str, Any], names: Iterable[str], *, where: str, root: Path
) -> dict[str, Any]:
    """Return a table with the contents of the files that its secrets lie in."""
    read = dict(table)
    for name in names:
        file_name = read.pop(f"{name}_file", None)
        if file_name is None or name in read:
            continue
        path = root / str(file_name)
        try:
            read[name] = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{where}{name}_file", f"cannot be read ({error}); check its path and owner"
            ) from error
        if not read[name]:
            is_key = name == "key"
            empty = empty_key_file(path) if is_key else f"{path} is empty: put the secret in it"
            raise ConfigError(f"{where}{name}_file", empty)
    return read


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return a hint at the most similar name, or at all names."""
    close = difflib.get_close_matches(name, list(choices), n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(choices))}"
