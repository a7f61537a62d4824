# SPDX-License-Identifier: Apache-2.0
"""Change the agent's own allow-list: add, end and put back entries, read and write its file.

1 Held or blocked content that a new entry covers is released in the same transaction.
2 A file has one entry on each line, in JSON, as the hub's list is exported. All of it is added, or
  none; values on the list already stay unchanged.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from stemtide.agent.config.settings import Config
from stemtide.agent.outbox import actions
from stemtide.agent.store import own_banks, own_list
from stemtide.agent.store.allowed import AllowRow
from stemtide.agent.store.database import Store, Transaction
from stemtide.agent.store.own_list import OwnEntryRow
from stemtide.fingerprints.url.canonical import UrlError
from stemtide.protocol.sync.allowlists import MAX_LIST, AllowEntryIn
from stemtide.protocol.validation import field_problems, summary

MIN_WORDS, MAX_WORDS = 3, 300
"""Letters of a reason or a source, as in AllowEntryIn."""

Entry = TypeVar("Entry")

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


def change_entry(
    store: Store, uid: str, *, reason: str, source: str, expires_at: datetime | None
) -> bool:
    """Change the description of an entry of any list; return whether it is on it.

    raises: OwnListError.
    """
    with store.write() as tx:
        row = own_list.read_entry(own_banks.reader(tx), uid)
        if row is None or row.ended_at is not None:
            return False
        least = 0 if row.bank else MIN_WORDS
        for name, text in (("reason", reason), ("source", source)):
            if not least <= len(text) <= MAX_WORDS:
                raise OwnListError(f"{name}: write {least} to {MAX_WORDS} characters")
        own_list.change_row(tx, uid, reason=reason, source=source, expires_at=expires_at)
        if not row.bank:
            own_list.put_allowed(tx, uid)
        return True


def restore_entry(
    store: Store, uid: str, *, config: Config, now: datetime, may_release: bool
) -> int | None:
    """Put an entry back, and weaken earlier actions on its content; return how many.

    None if it was not ended, or the list has its value again. raises: ReleasesError.
    """
    with store.write() as tx:
        if not own_list.restore_entry(tx, uid):
            return None
        entry = own_list.read_entry(own_banks.reader(tx), uid)
        if entry is None or not entry.bank:
            row = own_list.put_allowed(tx, uid)
            return _release(tx, [row], config=config, now=now, may_release=may_release)
        own_banks.switch_prints(tx, "= ?", uid)
    store.follow_own()
    return 0


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
    return read_lines(content, _read_line)


def _read_line(line: str) -> AllowEntryIn:
    entry = AllowEntryIn.model_validate_json(line[:_MAX_LINE])
    try:
        own_list.value_of(entry)
    except UrlError as error:
        raise OwnListError(f"value: {error}") from error
    return entry


def read_lines(content: bytes, read: Callable[[str], Entry]) -> list[Entry]:
    """Return an entry for each line of a file. raises: OwnListError naming the lines.

    read: raises ValidationError or OwnListError.
    """
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise OwnListError("the file is not text in UTF-8") from error
    entries, problems = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entries.append(read(line))
        except ValidationError as error:
            problems.append(f"line {number}: {summary(field_problems(error))}")
        except OwnListError as error:
            problems.append(f"line {number}: {error}")
        if len(problems) >= _SHOWN_ERRORS or len(entries) > MAX_LIST:
            break
    if problems:
        raise OwnListError(*problems)
    if not entries:
        raise OwnListError("the file has no entries")
    if len(entries) > MAX_LIST:
        raise OwnListError(f"the file has more than {MAX_LIST} entries: the list holds no more")
    return entries


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
