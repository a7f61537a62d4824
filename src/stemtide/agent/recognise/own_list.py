# SPDX-License-Identifier: Apache-2.0
"""Change the agent's own allow-list: add, end and put back entries, read and write its file.

1 Held or blocked content that a new entry covers is released in the same transaction.
2 A file has one entry on each line, in JSON, as the hub's list is exported. All of it is added, or
  none; values on the list already stay unchanged.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from stemtide.agent.config.settings import Config
from stemtide.agent.outbox import actions
from stemtide.agent.store import own_list
from stemtide.agent.store.allowed import AllowRow
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.own_list import OwnEntryRow
from stemtide.fingerprints.url.canonical import UrlError
from stemtide.protocol.sync.allowlists import MAX_LIST, AllowEntryIn

_SHOWN_ERRORS = 20
_MAX_LINE = 8000


class OwnListError(ValueError):
    """The list cannot be changed so. problems: sentences, one for each line or field."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ReleasesError(Exception):
    """Entries would release content that is held or blocked. number: how many pieces."""

    def __init__(self, number: int) -> None:
        super().__init__(f"{number} held or blocked pieces of content would be released")
        self.number = number


@dataclass(frozen=True, slots=True)
class AddedEntries:
    """Entries that were added. existing: values that the list had. released: pieces of content."""

    rows: Sequence[AllowRow]
    existing: int
    released: int


def add_entries(
    store: Store,
    entries: Iterable[AllowEntryIn],
    *,
    by: str,
    config: Config,
    now: datetime,
    may_release: bool,
    replaces: bool = False,
) -> AddedEntries:
    """Add entries, and weaken earlier actions on the content that they cover.

    by:          the name of the person; "" for the API. replaces: an entry takes the place of one
                 with the same value; else that one stays.
    raises:      OwnListError, UrlError; ReleasesError unless may_release.
    """
    rows, existing = [], 0
    with store.write() as tx:
        listed = own_list.values_on_list(tx, now=now)
        for entry in entries:
            value = (entry.kind, own_list.value_of(entry))
            if value in listed and not replaces:
                existing += 1
                continue
            listed.add(value)
            rows.append(own_list.add_entry(tx, entry, by=by, now=now))
        if own_list.list_size(tx) > MAX_LIST:
            raise OwnListError(f"the list has at most {MAX_LIST} entries: remove some first")
        released = _release(tx, rows, config=config, now=now, may_release=may_release)
    return AddedEntries(rows, existing, released)


def restore_entry(
    store: Store, uid: str, *, config: Config, now: datetime, may_release: bool
) -> int | None:
    """Put an entry back, and weaken earlier actions on its content; return how many.

    None if it was not ended, or the list has its value again. raises: ReleasesError.
    """
    with store.write() as tx:
        row = own_list.restore_entry(tx, uid)
        if row is None:
            return None
        return _release(tx, [row], config=config, now=now, may_release=may_release)


def _release(
    tx: Transaction,
    rows: Sequence[AllowRow],
    *,
    config: Config,
    now: datetime,
    may_release: bool,
) -> int:
    """Weaken earlier actions. raises: ReleasesError, which undoes the transaction."""
    released = actions.weaken_allowed(tx, rows, config=config, now=now)
    if released and not may_release:
        raise ReleasesError(released)
    return released


def read_file(content: bytes) -> list[AllowEntryIn]:
    """Return the entries of a file. raises: OwnListError naming the lines."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise OwnListError("the file is not text in UTF-8") from error
    entries, problems = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = AllowEntryIn.model_validate_json(line[:_MAX_LINE])
            own_list.value_of(entry)
            entries.append(entry)
        except ValidationError as error:
            problems.append(f"line {number}: {problem_of(error)}")
        except UrlError as error:
            problems.append(f"line {number}: value: {error}")
        if len(problems) >= _SHOWN_ERRORS or len(entries) > MAX_LIST:
            break
    if problems:
        raise OwnListError(*problems)
    if not entries:
        raise OwnListError("the file has no entries")
    if len(entries) > MAX_LIST:
        raise OwnListError(f"the file has more than {MAX_LIST} entries: the list holds no more")
    return entries


def problem_of(error: ValidationError) -> str:
    """Return the first problem in words: the field and the fault."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(key) for key in first["loc"])[:100]
    message = first["msg"].removeprefix("Value error, ")[:300]
    return f"{field}: {message}" if field else message


def write_file(rows: Iterable[OwnEntryRow]) -> str:
    """Return entries as a file that can be added again, here or at another agent."""
    return "".join(f"{json.dumps(_fields(row), ensure_ascii=False)}\n" for row in rows)


def _fields(row: OwnEntryRow) -> dict[str, Any]:
    fields: dict[str, Any] = {"kind": row.kind, "value": row.written}
    if row.kind == "pdq":
        fields["within_bits"] = row.within_bits
    fields |= {
        name: value
        for name, value in (("reach", row.reach), ("source_url", row.source_url))
        if value
    }
    fields |= {"source": row.source, "reason": row.reason}
    if row.expires_at is not None:
        fields["expires_at"] = datetime.fromtimestamp(row.expires_at, UTC).isoformat()
    return fields
