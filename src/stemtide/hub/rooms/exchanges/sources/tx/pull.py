# SPDX-License-Identifier: Apache-2.0
"""Pull from any exchange that the package threatexchange speaks. Decision 0217.

1 Its client yields changes, each with a checkpoint. They are read one after the other within a run;
  the next run continues from the checkpoint that was stored last.
2 A change is cut into pages, so that one transaction is not too long. Only the last page of it has
  its checkpoint.
3 If all is read anew (a file that changed, a checkpoint that the service does not accept any more),
  records that do not come again have ended.
4 A lack of progress is an error: a change that came before in this run, a time that goes back or
  lies in the future.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from stemtide.hub.rooms.exchanges.sources.source import (
    Endpoint,
    Puller,
    SourceClient,
    SourceError,
    VersionsOf,
)
from stemtide.interop.exchanges import Pull, RecordError, SourceRecord
from stemtide.interop.threatexchange import pulled
from stemtide.interop.vocabulary import RefusedTagError
from stemtide.protocol.enums import ExchangeKind

if TYPE_CHECKING:
    from stemtide.hub.rooms.exchanges.sources.tx.package import PackageExchange

PAGE = 1_000
"""Records of one page."""

_DAY_S = 86_400
_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,23}")
_CLOCKS = frozenset({"last_fetch_time"})
"""Parts of the package's checkpoints that say when we asked."""

NOT_INSTALLED = "this kind of exchange needs the package threatexchange: pip install 'stemtide[tx]'"


def open_exchange(kind: ExchangeKind, client: SourceClient) -> "PackageExchange":
    """Return an exchange of the package for one run. raises: SourceError."""
    try:
        from stemtide.hub.rooms.exchanges.sources.tx import (  # noqa: PLC0415  # of an extra
            file,
            graph,
            tcap,
        )
    except ImportError as error:
        raise SourceError(NOT_INSTALLED) from error
    openers = {
        ExchangeKind.THREATEXCHANGE: graph.open_exchange,
        ExchangeKind.TCAP: tcap.open_exchange,
        ExchangeKind.TX_FILE: file.open_exchange,
    }
    return openers[kind](client)


def is_installed() -> bool:
    """Whether the package threatexchange is installed."""
    try:
        import threatexchange  # noqa: F401, PLC0415  # of an extra
    except ImportError:
        return False
    return True


def puller_of(kind: ExchangeKind) -> Puller:
    """Return the puller of a kind."""
    return partial(pull, kind=kind)


def pull(
    checkpoint: dict[str, Any],
    *,
    client: SourceClient,
    versions_of: VersionsOf,  # noqa: ARG001  # part of the Puller interface
    kind: ExchangeKind,
) -> Pull:
    """Return the next page of a run.

    checkpoint: at (the package's), edition (of what was read as a whole), full_since (when reading
    all anew began). It counts for the first page of a run only.

    raises: SourceError.
    """
    if client.pages is None:
        client.pages = _pages(checkpoint, client=client, kind=kind)
    return next(client.pages)


def _pages(
    checkpoint: Mapping[str, Any], *, client: SourceClient, kind: ExchangeKind
) -> Iterator[Pull]:
    """Yield the pages of a run. raises: SourceError."""
    exchange = open_exchange(kind, client)
    if exchange.edition and exchange.edition == checkpoint.get("edition"):
        yield Pull(checkpoint=dict(checkpoint))
        return
    onward = {name: checkpoint[name] for name in ("at", "full_since") if name in checkpoint}
    position = _load(exchange, onward.get("at"))
    is_lost = position is None and onward.get("at") is not None
    if exchange.edition or is_lost or (position is not None and position.is_stale()):
        position, onward = None, {"full_since": client.now.isoformat()}
    since = onward.get("full_since")
    full_since = datetime.fromisoformat(since) if since else None
    marks: set[str] = set()
    for delta in deltas(exchange, position):
        position = _next_position(position, delta.checkpoint, now=client.now)
        records, faults, others = _read(delta.updates, exchange=exchange, endpoint=client.endpoint)
        at = None if position is None else exchange.dump(position)
        names = [pulled.key_of(*place) for place in delta.updates]
        names += [fault.key for fault in faults]
        _check_progress(records, names=names, at=at, marks=marks)
        for start in range(0, max(len(records), 1), PAGE):
            if start + PAGE >= len(records):
                onward = {**onward, "at": at}
            yield Pull(
                records[start : start + PAGE],
                [] if start else faults,
                onward,
                more=True,
                others=0 if start else others.total(),
                notes=() if start else _notes(others),
                full_since=full_since,
            )
    onward = {"edition": exchange.edition} if exchange.edition else {"at": onward.get("at")}
    yield Pull(checkpoint=onward, full_since=full_since, is_whole=full_since is not None)


def _load(exchange: "PackageExchange", stored: Mapping[str, Any] | None) -> Any:  # noqa: ANN401  # the package's
    """Return the stored checkpoint; None if a version of the package cannot read it any more."""
    try:
        return exchange.load(stored)
    except Exception:  # noqa: BLE001  # whatever the package raises; then all is read anew
        return None


def deltas(exchange: "PackageExchange", position: Any) -> Iterator[Any]:  # noqa: ANN401  # the package's
    """Yield the changes of a exchange. raises: SourceError.

    The package's own errors contain addresses, tokens and values: only their type is shown.
    """
    changes = exchange.deltas(position)
    while True:
        try:
            yield next(changes)
        except StopIteration:
            return
        except SourceError:
            raise
        except Exception as error:
            if exchange.is_over(error):
                return
            name = type(error).__name__
            raise SourceError(f"its answer is not one that can be read ({name})") from error


def _next_position(before: Any, after: Any, *, now: datetime) -> Any:  # noqa: ANN401  # the package's
    """Return the checkpoint of a change. raises: SourceError if its time goes back or is ahead."""
    if after is None:
        return before
    try:
        time_s = after.get_progress_timestamp()
    except (ValueError, OverflowError) as error:
        raise SourceError("its answer names no place from which to continue") from error
    before_s = before.get_progress_timestamp() if before is not None else None
    if time_s is not None and before_s is not None and time_s < before_s:
        raise SourceError("its times go back: a change is before what we asked from")
    if time_s is not None and not 0 <= time_s <= now.timestamp() + _DAY_S:
        raise SourceError("its clock is wrong: a change lies in the future, or before all time")
    return after


def _read(
    updates: Mapping[tuple[str, str], Any], *, exchange: "PackageExchange", endpoint: Endpoint
) -> tuple[list[SourceRecord], list[RecordError], Counter[str]]:
    """Return the records of a change, its errors, and counts of types that we have no kind for.

    A type without the form of a name is no type: the first words of a wrong file may be secrets.
    """
    records: list[SourceRecord] = []
    faults, exchange.faults[:] = [*exchange.faults], []
    others: Counter[str] = Counter()
    for (name, value), metadata in updates.items():
        try:
            record = (
                pulled.ended(name, value)
                if metadata is None
                else pulled.read_value(
                    name,
                    value,
                    exchange.opinions(metadata),
                    vocabulary=exchange.vocabulary,
                    hub=endpoint.hub,
                    strictest=endpoint.tlp_strictest,
                )
            )
        except (ValueError, RefusedTagError) as error:
            faults.append(RecordError(pulled.key_of(name, value), str(error)[:300]))
            continue
        if record is None:
            others[name if _TYPE.fullmatch(name) else "?"] += 1
        else:
            records.append(record)
    return records, faults, others


def _check_progress(
    records: list[SourceRecord],
    *,
    names: list[str],
    at: Mapping[str, Any] | None,
    marks: set[str],
) -> None:
    """Refuse a change that came before in this run. raises: SourceError.

    names: of all that it has, also what becomes no record.
    """
    place = {name: value for name, value in (at or {}).items() if name not in _CLOCKS}
    versions = [f"{record.key} {record.version}" for record in records]
    lines = [str(place), *sorted([*names, *versions])]
    mark = hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()
    if mark in marks:
        raise SourceError("it says that there is more, and brings nothing new: no way on")
    marks.add(mark)


def _notes(others: Counter[str]) -> tuple[str, ...]:
    """Return log lines about values of types that uploads are not compared with."""
    unknown = ", ".join(f"{count} of type {name}" for name, count in others.most_common(5))
    return (f"not taken: {unknown}",) if others else ()
