# SPDX-License-Identifier: Apache-2.0
"""stemtide hash and match: fingerprints of files, and what they find."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.agent.lookup import about, ask_agent, no_match
from stemtide.cli.output import fail, give, tell
from stemtide.cli.references import ADDRESSES

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    from stemtide.cli.content import Named
    from stemtide.fingerprints.kinds import Fingerprints
    from stemtide.matching.found import Span
    from stemtide.matching.library import Match

_LOCAL = "local"
_LEAST_PLACES = 8
"""From 8 agreeing places on it is probable, from 10 on sure: see docs/understand/pictures.md."""

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def hash_files(
    names: Annotated[
        list[str], typer.Argument(metavar="FILE|FOLDER|URL|-…", help="What to fingerprint.")
    ],
    robust: Annotated[
        bool, typer.Option("--robust", help="Crops as well, so that cropped copies are found.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fingerprint pictures, films, sounds, texts, archives and URLs, as they are shared.

    Nothing leaves this machine. Files are decoded in a limited process of their own.
    """
    from stemtide.cli.content import ContentNameError, read_all
    from stemtide.fingerprints.analysis import Asked

    try:
        for one in read_all(names, asked=Asked(share=True, robust=robust)):
            prints = one.fingerprints
            row: dict[str, object] = {
                "name": one.name,
                "media_type": prints.media_type,
                "size_bytes": prints.size_bytes,
                "fingerprints": [
                    {
                        "kind": each.kind,
                        "value": each.hex,
                        "quality": each.quality,
                        "part": each.part,
                    }
                    for each in prints.each
                ],
                "remarks": list(prints.remarks),
            }
            lines = [
                f"{each.kind:7} {_short(each.hex)}"
                + (f"  quality {each.quality}" if each.quality is not None else "")
                + (f"  {each.part}" if each.part else "")
                for each in prints.each
            ]
            give(row, as_json=as_json, line="\n".join([one.name, *(f"  {line}" for line in lines)]))
            for remark in prints.remarks:
                tell(f"  {one.name}: {remark}")
    except ContentNameError as error:
        fail(str(error))


def match_files(
    names: Annotated[
        list[str], typer.Argument(metavar="FILE|FOLDER|URL|-…", help="What to look up.")
    ],
    against: Annotated[
        list[str],
        typer.Option(
            help="An agent's address (http://…), a feed saved with 'stemtide feed follow --json', "
            "or a file or folder to compare with. Give it several times for several."
        ),
    ],
    token: Annotated[
        str, typer.Option(envvar="STEMTIDE_AGENT_TOKEN", help="The agent's token, if it has one.")
    ] = "",
    within_bits: Annotated[
        int | None, typer.Option(min=0, max=64, help="PDQ distance that still matches.")
    ] = None,
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Pictures among files: look a second time, at places in them, which survive "
            "uneven crops, stickers and screens. Needs 'stemtide\\[local]'.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which signals, or which other files, content matches, how, and how near.

    Exit code 0: looked up, whether or not something matched.
    """
    from stemtide.cli.content import ContentNameError

    agents = [one for one in against if one.startswith(ADDRESSES)]
    if agents and len(against) > 1:
        fail("name one agent, or files, not both", code=2)
    if agents and local:
        fail("--local compares files here: local features are never sent or shared", code=2)
    if agents and within_bits is not None:
        fail("--within-bits is for files and feeds: an agent keeps to its signals' own", code=2)
    try:
        rows = (
            ask_agent(names, agent=agents[0], token=token)
            if agents
            else _look_up(names, against=against, within_bits=within_bits, local=local)
        )
        for row, line in rows:
            give(row, as_json=as_json, line=line)
    except ContentNameError as error:
        fail(str(error))


def _look_up(
    names: list[str], *, against: list[str], within_bits: int | None, local: bool
) -> Iterator[tuple[dict[str, object], str]]:
    """Match against saved feeds and other files."""
    from stemtide.cli.content import read_all
    from stemtide.fingerprints.analysis import Asked

    held, places = _Named(), _Places()
    feeds = [one for one in against if one.endswith((".jsonl", ".ndjson"))]
    for feed in feeds:
        _load_feed(Path(feed), held)
    for other in read_all(
        (one for one in against if one not in feeds),
        asked=Asked(share=True, robust=True, local=local),
    ):
        _put_file(other.name, other.fingerprints, held)
        places.put(other)
    if not len(held.library):
        tell("There is nothing to match against: the named feeds and files hold no fingerprint.")
    for one in read_all(names, asked=Asked(views=True, local=local)):
        found = held.library.match(one.fingerprints, within_bits=within_bits)
        told = [
            each | held.about.get(each["against"], {})
            for match in found
            for each in _told(match, held.names[match.key])
        ]
        told += places.find(one)
        row: dict[str, object] = {
            "file": one.name,
            "matches": told,
            "remarks": list(one.fingerprints.remarks),
        }
        said = [*map(_line, told)] or [f"  {no_match(one.fingerprints)}"]
        said += [f"  {remark}" for remark in one.fingerprints.remarks]
        yield row, "\n".join([one.name, *said])


def _told(match: "Match", against: str) -> Iterator[dict[str, Any]]:
    """What is said of a match: one row, or one for each stretch of it."""
    row = {"against": against, "type": match.kind, "part": match.part}
    if not match.found:
        near = {"distance": match.distance_bits, "confidence": match.confidence}
        yield row | near | {"transform": match.transform}
    for each in match.found:
        yield row | {
            "score": round(each.score, 2),
            "confidence": round(each.confidence, 4),
            "query_span_s": _span(each.query_span),
            "signal_span_s": _span(each.signal_span),
            "speed": None if each.speed is None else round(each.speed, 3),
            "transform": each.transform,
        }


def _span(span: "Span | None") -> list[float] | None:
    return None if span is None else [round(span.start_s, 2), round(span.end_s, 2)]


def _line(row: dict[str, Any]) -> str:
    """A match in words."""
    words = [f"  {row['against']}  {row['type']}"]
    words += [row["part"]] if row["part"] else []
    if row["type"] == _LOCAL:
        words.append(f"{row['score']:g} places agree")
    if "distance" in row:
        words.append(f"{row['distance']} bits away")
    if span := row.get("query_span_s"):
        theirs = row["signal_span_s"] or ["?", "?"]
        words.append(f"[{span[0]}-{span[1]} s] = [{theirs[0]}-{theirs[1]} s]")
    if row.get("speed") not in {None, 1.0}:
        words.append(f"speed {row['speed']}")
    words += [row["transform"]] if row["transform"] else []
    words.append(f"confidence {row['confidence']:g}")
    return ", ".join(words + about(row.get("labels", []), row.get("shared_by", "")))


def _short(text: str) -> str:
    """A value for reading; the whole of a long one is in --json."""
    most = 64
    return text if len(text) <= most else f"{text[:24]}… ({len(text) // 2:,} bytes)"


class _Named:
    """A library whose signals have names. names: by the number that stands for each.

    about: labels and sharer, by the name of a signal.
    """

    def __init__(self) -> None:
        from stemtide.matching.library import Library

        self.library = Library()
        self.names: list[str] = []
        self.about: dict[str, dict[str, Any]] = {}
        self._numbers: dict[str, int] = {}

    def add(self, name: str, place: int) -> int:
        """Return a number of its own for one more fingerprint of something of this name."""
        self._numbers[f"{name} [{place}]"] = len(self.names)
        self.names.append(name)
        return len(self.names) - 1

    def number_of(self, name: str) -> int:
        """Return the number that stands for a name."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number


class _Places:
    """Pictures known by places in them: a second look, for whoever holds both files."""

    def __init__(self) -> None:
        from stemtide.matching.local import LocalIndex

        self._index = LocalIndex()
        self._names: list[str] = []

    def put(self, one: "Named") -> None:
        """Hold a picture, if its places were asked for."""
        if one.local:
            self._index.put([len(self._names)], [one.local[0]])
            self._names.append(one.name)

    def find(self, one: "Named") -> list[dict[str, Any]]:
        """Tell the pictures that share places with this one, in rows as other matches."""
        if not one.local:
            return []
        found = self._index.find(one.local[0], mirrored=one.local[1])
        return [
            {
                "against": self._names[each.key],
                "type": _LOCAL,
                "part": "",
                "score": each.score,
                "confidence": round(each.confidence, 4),
                "query_span_s": None,
                "signal_span_s": None,
                "speed": None,
                "transform": each.transform,
            }
            for each in found
            if each.score >= _LEAST_PLACES
        ]


def _put_file(name: str, prints: "Fingerprints", held: _Named) -> None:
    """Hold a file's fingerprints under its name."""
    from stemtide.fingerprints.kinds import MIN_QUALITY
    from stemtide.matching.library import Entry

    for place, one in enumerate(prints.each):
        if one.quality is None or one.quality >= MIN_QUALITY:
            held.library.put([Entry(held.add(name, place), kind=one.kind, value=one.value)])


def _load_feed(path: Path, held: _Named) -> None:
    """Put a saved feed's signals into a library, and take its withdrawn ones out."""
    from pydantic import TypeAdapter, ValidationError

    from stemtide.cli.content import ContentNameError
    from stemtide.fingerprints.kinds import parse_value
    from stemtide.matching.library import Entry
    from stemtide.protocol.sync.feed import FeedEntry, FeedSignal, Tombstone

    reader: TypeAdapter[FeedSignal | Tombstone] = TypeAdapter(FeedEntry)
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise ContentNameError(f"{path}: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            entry = reader.validate_json(line)
        except ValidationError as error:
            raise ContentNameError(f"{path}, line {number}: no feed entry: {error}") from error
        if isinstance(entry, Tombstone):
            held.library.drop([held.number_of(str(entry.id))])
            continue
        value = parse_value(entry.kind, entry.value)
        key = held.number_of(str(entry.id))
        held.library.put([Entry(key, entry.kind, value, entry.within_bits)])
        held.about[str(entry.id)] = {"labels": entry.labels, "shared_by": entry.shared_by}
