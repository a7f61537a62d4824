# SPDX-License-Identifier: Apache-2.0
"""Measure every modality against its bars, ours beside each peer.

    python -m benchmarks.media [--json] [--parts image,video,…] [--corpus DIR]
    python -m benchmarks.media --plot FILE.svg < rows.jsonl

A row says its part, its case, what is ours, the unit, the bar where there is one, and the peer with
its value where there is a peer. A peer that is not installed is named and left out. A part that
fails says so, the others go on, and the exit code is 1. The plot is drawn from rows that --json
gave, several runs' if you like; of two equal cases the later counts.
"""

import argparse
import importlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.media._plot import plot

PARTS = ("image", "video", "audio", "text", "url", "modalities", "hostile")

PEERS = {
    "image": {"pdqhash": "pdqhash"},
    "video": {"pdqhash": "pdqhash", "faiss": "vPDQ flat index"},
    "audio": {"imageio_ffmpeg": "chromaprint"},
    "text": {"tlsh": "TLSH"},
    "url": {"can_ada": "can_ada"},
    "modalities": {},
    "hostile": {},
}
"""For each part: the package that brings a peer, and how the peer's name begins in rows."""

Row = dict[str, object]


def main() -> int:
    """Measure, or draw; 0 if every part came to its end, 1 if one failed, 2 if misused."""
    chosen = options()
    if chosen.plot:
        svg = plot(json.loads(line) for line in sys.stdin if line.startswith("{"))
        chosen.plot.write_text(svg, "utf-8")
        return 0
    show = show_json if chosen.json else show_table
    failed = False
    for part in chosen.parts:
        for package, peer in missing(part).items():
            tell(f"{part}: {package} is not installed, so {peer} is left out")
        if not chosen.json:
            print(f"\n{part}\n{line(('case', 'ours', 'peer', 'bar', 'unit'))}", flush=True)
        for row in rows(part, chosen.corpus):
            failed = failed or "error" in row
            show(row)
    return int(failed)


def options() -> argparse.Namespace:
    """Read the command line."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--json", action="store_true", help="one object a line")
    arguments.add_argument(
        "--parts", type=parts, default=PARTS, help=f"some of {','.join(PARTS)}, in that order"
    )
    arguments.add_argument("--corpus", type=folder, help="a folder of real media to take in too")
    arguments.add_argument("--plot", type=Path, help="draw the rows on standard input as an SVG")
    return arguments.parse_args()


def parts(text: str) -> tuple[str, ...]:
    """Read the names of parts."""
    wanted = text.split(",")
    if unknown := sorted(set(wanted) - set(PARTS)):
        known = ", ".join(PARTS)
        raise argparse.ArgumentTypeError(f"there is no part {', '.join(unknown)}; known: {known}")
    return tuple(part for part in PARTS if part in wanted)


def folder(text: str) -> Path:
    """Read the path of a folder."""
    if not (path := Path(text)).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a folder")
    return path


def missing(part: str) -> dict[str, str]:
    """Return the peers of a part that are not installed, by package."""
    return {
        package: peer
        for package, peer in PEERS[part].items()
        if importlib.util.find_spec(package) is None
    }


def rows(part: str, corpus: Path | None) -> Iterator[Row]:
    """Measure one part. If it fails, the last row says why."""
    absent = tuple(missing(part).values())
    try:
        for row in importlib.import_module(f"benchmarks.media.{part}").cases(corpus):
            yield without_absent(row, absent)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other parts go on
        traceback.print_exc()
        yield {"part": part, "case": "failed", "error": f"{type(error).__name__}: {error}"}


def without_absent(row: Row, absent: tuple[str, ...]) -> Row:
    """Drop what is said of a peer that has no value, or whose package is not here."""
    peer = str(row.get("peer", ""))
    if row.get("peer_value") is not None and not (absent and peer.startswith(absent)):
        return row
    return {name: value for name, value in row.items() if name not in {"peer", "peer_value"}}


def show_json(row: Row) -> None:
    """Print a row for machines."""
    print(json.dumps(row, ensure_ascii=False), flush=True)


def show_table(row: Row) -> None:
    """Print a row for people: the peer's name stands behind the unit."""
    if "error" in row:
        print(f"  FAILED: {row['error']}", flush=True)
        return
    names = (row.get("unit"), row.get("peer") and f"beside {row['peer']}")
    said = ", ".join(str(name) for name in names if name)
    case = str(row["case"])
    print(line((case, row["ours"], row.get("peer_value"), row.get("bar"), said)), flush=True)


def line(cells: Iterable[object]) -> str:
    """Lay out one line of the table."""
    case, *numbers, said = map(spelled, cells)
    return f"  {case:<58} {' '.join(f'{one:>12}' for one in numbers)}  {said}".rstrip()


def spelled(value: object) -> str:
    """Spell a cell: numbers with four digits that count, nothing as nothing."""
    if isinstance(value, list | tuple):
        return ", ".join(map(spelled, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def tell(text: str) -> None:
    """Talk to whoever watches, not to whoever reads the rows."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
