# SPDX-License-Identifier: Apache-2.0
"""stemtide hash and match: fingerprint files, and look them up."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stemtide.cli.commands.agent.lookup import about, ask_agent, no_match
from stemtide.cli.commands.agent.private_lookup import ask_privately
from stemtide.cli.hub_client import Key
from stemtide.cli.output import AsJson, fail, print_note, print_result
from stemtide.cli.references import ADDRESSES

if TYPE_CHECKING:  # at run time they are imported where used, so that --help stays fast
    from stemtide.cli.content import NamedContent
    from stemtide.fingerprints.kinds import Fingerprints
    from stemtide.matching.found import TimeRange
    from stemtide.matching.library import Match

_LOCAL = "local"
_LEAST_PLACES = 8
"""From 8 agreeing places on it is probable, from 10 on sure: see docs/understand/pictures.md."""


def hash_files(
    names: Annotated[
        list[str], typer.Argument(metavar="FILE|FOLDER|URL|-…", help="Content to fingerprint.")
    ],
    robust: Annotated[
        bool, typer.Option("--robust", help="Add fingerprints of crops, to match cropped copies.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Fingerprint media, texts, archives and URLs.

    Nothing leaves this machine. Files are decoded in a sandboxed process.
    """
    from stemtide.cli.content import ContentNameError, read_all
    from stemtide.fingerprints.analysis import AnalysisOptions

    try:
        for content in read_all(names, options=AnalysisOptions(share=True, robust=robust)):
            prints = content.fingerprints
            row: dict[str, object] = {
                "name": content.name,
                "media_type": prints.media_type,
                "size_bytes": prints.size_bytes,
                "fingerprints": [
                    {
                        "kind": fingerprint.kind,
                        "value": fingerprint.hex,
                        "quality": fingerprint.quality,
                        "part": fingerprint.part,
                    }
                    for fingerprint in prints.each
                ],
                "remarks": list(prints.remarks),
            }
            lines = [
                f"{fingerprint.kind:7} {_short(fingerprint.hex)}"
                + (f"  quality {fingerprint.quality}" if fingerprint.quality is not None else "")
                + (f"  {fingerprint.part}" if fingerprint.part else "")
                for fingerprint in prints.each
            ]
            print_result(
                row,
                as_json=as_json,
                line="\n".join([content.name, *(f"  {line}" for line in lines)]),
            )
            for remark in prints.remarks:
                print_note(f"  {content.name}: {remark}")
    except ContentNameError as error:
        fail(str(error))


def match_files(
    names: Annotated[
        list[str], typer.Argument(metavar="FILE|FOLDER|URL|-…", help="Content to look up.")
    ],
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="An agent's address (http://…), a feed saved with 'stemtide feed follow --json', "
            "or a file or folder to compare with. Can be repeated."
        ),
    ] = None,
    private: Annotated[
        str,
        typer.Option(
            metavar="HUB",
            help="A hub's address: equal files and URLs are looked up there privately. The hub "
            "does not learn which. Needs 'stemtide\\[private]' and a key with private:match.",
            show_default=False,
        ),
    ] = "",
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="With --private: read all buckets, so that the hub learns the number of digests "
            "alone.",
        ),
    ] = False,
    key: Key = "",
    token: Annotated[
        str, typer.Option(envvar="STEMTIDE_AGENT_TOKEN", help="The agent's token, if it has one.")
    ] = "",
    within_bits: Annotated[
        int | None, typer.Option(min=0, max=64, help="Maximum PDQ distance of a match.")
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
    """Show which signals or files content matches, and how closely.

    Exits with 0 if content was looked up, whether or not something matched.
    """
    from stemtide.cli.content import ContentNameError

    against = against or []
    _check_place(against, private=private, whole=whole)
    if private and (local or within_bits is not None):
        fail("--private finds equal files and URLs alone: leave --local and --within-bits", code=2)
    agents = [reference for reference in against if reference.startswith(ADDRESSES)]
    if agents and len(against) > 1:
        fail("name either one agent or files", code=2)
    if agents and local:
        fail("--local compares files here: local features are never sent or shared", code=2)
    if agents and within_bits is not None:
        fail("--within-bits is for files and feeds: an agent uses the limit of each signal", code=2)
    try:
        if private:
            rows = ask_privately(names, hub=private, key=key, whole=whole)
        elif agents:
            rows = ask_agent(names, agent=agents[0], token=token)
        else:
            rows = _look_up(names, against=against, within_bits=within_bits, local=local)
        for row, line in rows:
            print_result(row, as_json=as_json, line=line)
    except ContentNameError as error:
        fail(str(error))


def _check_place(against: list[str], *, private: str, whole: bool) -> None:
    """End the command unless it names one place to look content up at."""
    if bool(against) == bool(private):
        fail("name either --against or --private, to look content up there", code=2)
    if whole and not private:
        fail("--whole is for --private: leave it out, or name a hub", code=2)


def _look_up(
    names: list[str], *, against: list[str], within_bits: int | None, local: bool
) -> Iterator[tuple[dict[str, object], str]]:
    """Match content against saved feeds and other files."""
    from stemtide.cli.content import read_all
    from stemtide.fingerprints.analysis import AnalysisOptions

    signals, places = _NamedLibrary(), _LocalFeatures()
    feeds = [reference for reference in against if reference.endswith((".jsonl", ".ndjson"))]
    for feed in feeds:
        _load_feed(Path(feed), signals)
    for other in read_all(
        (reference for reference in against if reference not in feeds),
        options=AnalysisOptions(share=True, robust=True, local=local),
    ):
        _put_file(other.name, other.fingerprints, signals)
        places.put(other)
    if not len(signals.library):
        print_note("Nothing to match against: the feeds and files have no fingerprint.")
    for content in read_all(names, options=AnalysisOptions(views=True, local=local)):
        matches = signals.library.match(content.fingerprints, within_bits=within_bits)
        rows = [
            match_row | signals.about.get(match_row["against"], {})
            for match in matches
            for match_row in _match_rows(match, signals.names[match.key])
        ]
        rows += places.find(content)
        row: dict[str, object] = {
            "file": content.name,
            "matches": rows,
            "remarks": list(content.fingerprints.remarks),
        }
        lines = [*map(_line, rows)] or [f"  {no_match(content.fingerprints)}"]
        lines += [f"  {remark}" for remark in content.fingerprints.remarks]
        yield row, "\n".join([content.name, *lines])


def _match_rows(match: "Match", against: str) -> Iterator[dict[str, Any]]:
    """Yield one row for a match, or one for each matching stretch of it."""
    row = {"against": against, "type": match.kind, "part": match.part}
    if not match.occurrences:
        near = {"distance": match.distance_bits, "confidence": match.confidence}
        yield row | near | {"transform": match.transform}
    for stretch in match.occurrences:
        yield row | {
            "score": round(stretch.score, 2),
            "confidence": round(stretch.confidence, 4),
            "query_span_s": _span(stretch.query_span),
            "signal_span_s": _span(stretch.signal_span),
            "speed": None if stretch.speed is None else round(stretch.speed, 3),
            "transform": stretch.transform,
        }


def _span(span: "TimeRange | None") -> list[float] | None:
    return None if span is None else [round(span.start_s, 2), round(span.end_s, 2)]


def _line(row: dict[str, Any]) -> str:
    """Describe a match for people."""
    from stemtide.matching.found import BY_LOCAL_FEATURES

    by = BY_LOCAL_FEATURES if row["type"] == _LOCAL else row["type"]
    words = [f"  {row['against']}  {by}"]
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
    """Shorten a long value for display; --json prints all of it."""
    most = 64
    return text if len(text) <= most else f"{text[:24]}… ({len(text) // 2:,} bytes)"


class _NamedLibrary:
    """A library of signals with names.

    names: the name of each signal, by its key in the library.
    about: labels and sharer, by the name of a signal.
    """

    def __init__(self) -> None:
        from stemtide.matching.library import Library

        self.library = Library()
        self.names: list[str] = []
        self.about: dict[str, dict[str, Any]] = {}
        self._numbers: dict[str, int] = {}

    def add(self, name: str, place: int) -> int:
        """Return a new key for one more fingerprint of content with this name."""
        self._numbers[f"{name} [{place}]"] = len(self.names)
        self.names.append(name)
        return len(self.names) - 1

    def number_of(self, name: str) -> int:
        """Return the key of a name; a new name gets a new key."""
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number


class _LocalFeatures:
    """Local features of pictures: a second comparison, for those who hold both files."""

    def __init__(self) -> None:
        from stemtide.matching.local import LocalIndex

        self._index = LocalIndex()
        self._names: list[str] = []

    def put(self, content: "NamedContent") -> None:
        """Add a picture, if its local features were requested."""
        if content.local:
            self._index.put([len(self._names)], [content.local[0]])
            self._names.append(content.name)

    def find(self, content: "NamedContent") -> list[dict[str, Any]]:
        """Return the pictures that share local features with this one, as match rows."""
        if not content.local:
            return []
        matches = self._index.find(content.local[0], mirrored=content.local[1])
        return [
            {
                "against": self._names[match.key],
                "type": _LOCAL,
                "part": "",
                "score": match.score,
                "confidence": round(match.confidence, 4),
                "query_span_s": None,
                "signal_span_s": None,
                "speed": None,
                "transform": match.transform,
            }
            for match in matches
            if match.score >= _LEAST_PLACES
        ]


def _put_file(name: str, prints: "Fingerprints", signals: _NamedLibrary) -> None:
    """Add the fingerprints of a file under its name."""
    from stemtide.fingerprints.kinds import MIN_QUALITY
    from stemtide.matching.library import IndexedSignal

    for place, fingerprint in enumerate(prints.each):
        if fingerprint.quality is None or fingerprint.quality >= MIN_QUALITY:
            signals.library.put(
                [
                    IndexedSignal(
                        signals.add(name, place), kind=fingerprint.kind, value=fingerprint.value
                    )
                ]
            )


def _load_feed(path: Path, signals: _NamedLibrary) -> None:
    """Add the signals of a saved feed and remove the withdrawn ones."""
    from pydantic import TypeAdapter, ValidationError

    from stemtide.cli.content import ContentNameError
    from stemtide.fingerprints.kinds import parse_value
    from stemtide.matching.library import IndexedSignal
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
            signals.library.drop([signals.number_of(str(entry.id))])
            continue
        value = parse_value(entry.kind, entry.value)
        key = signals.number_of(str(entry.id))
        signals.library.put([IndexedSignal(key, entry.kind, value, entry.within_bits)])
        signals.about[str(entry.id)] = {"labels": entry.labels, "shared_by": entry.shared_by}
