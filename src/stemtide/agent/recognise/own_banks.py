# SPDX-License-Identifier: Apache-2.0
"""Change the provider's own banks: create, change, delete and put back banks, add and end items.

1 A bank is named as HMA names banks, and not as one that the policy makes (http/hma/banks.py).
2 An item is one value that somebody gives, or a file, of which every fingerprint is kept that can
  find a copy.
3 What a value of the hub may not be, such as a blank picture, no item may be either.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from stemtide.agent.config.settings import Config
from stemtide.agent.recognise.own_list import OwnListError, read_lines
from stemtide.agent.store import own_banks, own_list
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_banks import ACTIONS, OwnPrint
from stemtide.agent.store.own_list import NewEntry
from stemtide.fingerprints.blanks import why_blank
from stemtide.fingerprints.kinds import (
    MATCH_WITHIN_BITS,
    MAX_VALUE_BYTES,
    SIZE_BYTES,
    FingerprintError,
    Fingerprints,
    Kind,
    parse_value,
)
from stemtide.fingerprints.url.canonical import UrlError, digest
from stemtide.fingerprints.url.reach import UrlScope, rule_of
from stemtide.fingerprints.values.checks import check_value
from stemtide.protocol.enums import Action, Reach
from stemtide.protocol.sync.allowlists import MAX_LIST, is_hex

POLICY_PREFIX = "STEMTIDE_"
"""Prefix of the names of banks that the policy makes of the hub's signals."""

MAX_NAME = 64
MAX_ABOUT = 300
MAX_VALUE = 2 * MAX_VALUE_BYTES
_NAME = re.compile(rf"[A-Z0-9_]{{1,{MAX_NAME}}}")


class BankItemIn(BaseModel):
    """An item to add to an own bank.

    value:       hex; for url the address itself.
    within_bits: pdq only: pictures within this distance match; None: 31.
    reach:       url only: "folder" or "host" to match everything below; None: that address alone.
    reason:      a description of the content. source: where it comes from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    value: str = Field(min_length=1, max_length=MAX_VALUE)
    within_bits: int | None = Field(default=None, ge=0, le=MATCH_WITHIN_BITS)
    reach: Reach | None = None
    reason: str = Field(default="", max_length=MAX_ABOUT)
    source: str = Field(default="", max_length=MAX_ABOUT)
    expires_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item that can be stored: its entry, and its fingerprints."""

    entry: NewEntry
    prints: Sequence[OwnPrint]


@dataclass(frozen=True, slots=True)
class AddedItems:
    """Ids of items that were added. existing: values that the bank had, left as they are."""

    ids: Sequence[str]
    existing: int


# banks


def create_bank(
    store: Store,
    name: str,
    *,
    action: Action,
    ratio: float = 1.0,
    about: str = "",
    by: str,
    config: Config,
    now: datetime,
) -> None:
    """Create an own bank. raises: OwnListError."""
    check_name(name, config=config)
    _check_facts(action, ratio, about)
    with store.write() as tx:
        if not own_banks.put_bank(
            tx, name, action=action, ratio=ratio, about=about, by=by, now=now
        ):
            raise OwnListError(f"name: there is a bank {name} already")


def change_bank(
    store: Store,
    name: str,
    *,
    action: Action | None = None,
    ratio: float | None = None,
    about: str | None = None,
) -> None:
    """Change facts of a bank; None leaves a fact as it is. raises: OwnListError."""
    with store.write() as tx:
        row = own_banks.read_bank(own_banks.reader(tx), name)
        if row is None:
            raise no_bank(name)
        facts = (
            row.action if action is None else action,
            row.ratio if ratio is None else ratio,
            row.about if about is None else about,
        )
        _check_facts(*facts)
        if not own_banks.change_bank(tx, name, action=facts[0], ratio=facts[1], about=facts[2]):
            raise no_bank(name)


def restore_bank(store: Store, name: str) -> bool:
    """Put a bank back with its items; return whether it was deleted."""
    with store.write() as tx:
        is_restored = own_banks.restore_bank(tx, name)
    store.follow_own()
    return is_restored


def check_name(name: str, *, config: Config) -> None:
    """Check the name of a new bank. raises: OwnListError."""
    if not _NAME.fullmatch(name):
        raise OwnListError(
            f"name: must match ^[A-Z0-9_]+$ and have at most {MAX_NAME} characters: use capital"
            " letters, digits and _"
        )
    if name.startswith(POLICY_PREFIX) or name == config.hma_bank:
        raise OwnListError(
            f"name: {name} is a bank of the hub's signals, which the policy fills: use another name"
        )


def no_bank(name: str) -> OwnListError:
    """Return the error about a bank that is not there."""
    return OwnListError(f"there is no own bank {name[:100]!r}: create it first")


def _check_facts(action: Action, ratio: float, about: str) -> None:
    if action not in ACTIONS:
        raise OwnListError(f"action: must be one of {', '.join(ACTIONS)}")
    if not 0 <= ratio <= 1:
        raise OwnListError("enabled_ratio: must be a number from 0 to 1")
    if len(about) > MAX_ABOUT:
        raise OwnListError(f"about: must have at most {MAX_ABOUT} characters")


# items


def item_of(item: BankItemIn) -> NewItem:
    """Return an item of one value. raises: OwnListError naming the field."""
    if item.within_bits is not None and item.kind is not Kind.PDQ:
        raise OwnListError("within_bits: only pdq items have a distance; leave it out")
    if item.reach is not None and item.kind is not Kind.URL:
        raise OwnListError("reach: only url items reach further; leave it out")
    try:
        value = check_value(item.kind, _value_of(item))
    except (FingerprintError, UrlError) as error:
        raise OwnListError(f"value: {error}") from error
    if why := why_blank(item.kind, value):
        raise OwnListError(f"value: {why}")
    content = OwnPrint(item.kind, value, item.within_bits)
    entry = _entry(
        content,
        written=item.value if item.kind is Kind.URL else "",
        reach=item.reach or "",
        reason=item.reason,
        source=item.source,
        expires_at=item.expires_at,
    )
    return NewItem(entry, [content])


def item_of_file(
    prints: Fingerprints,
    *,
    reason: str,
    source: str = "",
    within_bits: int | None = None,
    expires_at: datetime | None = None,
) -> NewItem:
    """Return an item with every fingerprint of a whole file that can find a copy.

    within_bits: of its picture. Local features would find copies further away, so an item with a
                 distance of its own has none.

    raises: OwnListError if there is none.
    """
    has_local = bool(prints.local) and within_bits is None
    of_picture = within_bits, prints.local[0] if has_local else b""
    contents = [
        OwnPrint(
            content.kind, content.value, *(of_picture if content.kind is Kind.PDQ else (None, b""))
        )
        for content in prints.each
        if not content.part and not why_blank(content.kind, content.value, quality=content.quality)
    ]
    if not contents:
        raise OwnListError("the file has no fingerprint that could find a copy of it")
    contents.sort(key=lambda content: content.kind is not Kind.SHA256)
    entry = _entry(
        contents[0], written="", reach="", reason=reason, source=source, expires_at=expires_at
    )
    return NewItem(entry, contents)


def _value_of(item: BankItemIn) -> bytes:
    if item.kind is not Kind.URL or is_hex(item.value, digits=2 * SIZE_BYTES[Kind.URL]):
        return parse_value(item.kind, item.value)
    reach = UrlScope[item.reach.name] if item.reach else UrlScope.ADDRESS
    return digest(rule_of(item.value, reach=reach))


def _entry(
    content: OwnPrint,
    *,
    written: str,
    reach: str,
    reason: str,
    source: str,
    expires_at: datetime | None,
) -> NewEntry:
    """Return the entry of an item. content: its first fingerprint."""
    value = own_banks.short_value(content.kind, content.value)
    bits = MATCH_WITHIN_BITS if content.within_bits is None else content.within_bits
    return NewEntry(
        kind=content.kind,
        value=value,
        written=written or value,
        reason=reason,
        source=source,
        within_bits=bits if content.kind is Kind.PDQ else 0,
        reach=reach,
        expires_at=expires_at,
    )


def add_items(
    store: Store,
    bank: str,
    items: Iterable[NewItem],
    *,
    by: str,
    now: datetime,
    replaces: bool = False,
) -> AddedItems:
    """Add items to a bank, all or none.

    replaces: an item takes the place of one with the same value; else that one stays.
    raises:   OwnListError.
    """
    items, existing = list(items), 0
    with store.write() as tx:
        row = own_banks.read_bank(own_banks.reader(tx), bank)
        if row is None or row.ended_at is not None:
            raise no_bank(bank)
        if replaces:
            for item in items:
                own_list.end_same(tx, item.entry, by=by, now=now, bank=bank)
        else:
            number = len(items)
            listed = own_list.values_on_list(tx, now=now, bank=bank)
            new = {(item.entry.kind, item.entry.value): item for item in reversed(items)}
            items = [item for value, item in reversed(new.items()) if value not in listed]
            existing = number - len(items)
        entries = [item.entry for item in items]
        ids = own_list.add_rows(tx, entries, by=by, now=now, bank=bank)
        prints = (
            (uid, content) for uid, item in zip(ids, items, strict=True) for content in item.prints
        )
        own_banks.add_prints(tx, prints)
        if own_list.list_size(tx, bank=bank) > MAX_LIST:
            raise OwnListError(f"a bank has at most {MAX_LIST} items: remove some first")
    store.follow_own()
    return AddedItems(ids, existing)


def restore_item(store: Store, uid: str) -> bool:
    """Put an item back; False if it was not ended, or its bank has its value again."""
    with store.write() as tx:
        is_restored = own_list.restore_entry(tx, uid)
        own_banks.switch_prints(tx, "= ?", uid)
    store.follow_own()
    return is_restored


def read_file(content: bytes) -> list[NewItem]:
    """Return the items of a file, one on each line. raises: OwnListError naming the lines.

    A line is JSON, as write_file() writes it, or a kind and a value with a space between them.
    """
    return read_lines(content, _read_line)


def _read_line(line: str) -> NewItem:
    if line.lstrip().startswith("{"):
        return item_of(BankItemIn.model_validate_json(line))
    kind, _, value = line.strip().partition(" ")
    return item_of(BankItemIn.model_validate({"kind": kind, "value": value.strip()}))


def write_file(store: Store, bank: str) -> str:
    """Return the items of a bank as a file that can be added again, a fingerprint on each line."""
    lines = []
    for row in own_list.read_entries(store.read, bank=bank):
        for kind, value, bits in own_banks.whole_prints(store.read, row.id):
            fields: dict[str, object] = {"kind": kind, "value": value}
            if row.kind == Kind.URL and kind == Kind.URL:
                fields["value"] = row.written
            optional = {"reach": row.reach, "reason": row.reason, "source": row.source}
            fields |= {name: text for name, text in optional.items() if text}
            if bits is not None:
                fields["within_bits"] = bits
            if row.expires_at is not None:
                fields["expires_at"] = datetime.fromtimestamp(row.expires_at, UTC).isoformat()
            lines.append(f"{json.dumps(fields, ensure_ascii=False)}\n")
    return "".join(lines)
