# SPDX-License-Identifier: Apache-2.0
"""Decide what kind of source a scan was given, and list its content."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from stemtide.catalogue.items import (
    MAX_REF,
    CatalogueError,
    StoredItem,
    UnlistedItem,
    shown_address,
)
from stemtide.catalogue.sources.database import SCHEMES, list_query
from stemtide.catalogue.sources.folder import list_folder
from stemtide.catalogue.sources.objects import list_objects
from stemtide.catalogue.sources.table import list_csv, list_parquet

_TABLES = {".csv": list_csv, ".parquet": list_parquet}


def check_sources(sources: Sequence[str], *, query: str) -> None:
    """Refuse a source that does not exist or is of no known kind. raises: CatalogueError."""
    databases = [source for source in sources if _scheme(source) in SCHEMES]
    if databases and not query:
        shown = shown_address(databases[0])
        raise CatalogueError(f"{shown} needs --query: a SELECT of id, and path or url")
    if query and not databases:
        raise CatalogueError("--query is for a database: name one, such as sqlite:///posts.db")
    for source in sources:
        if not _scheme(source):
            _check_path(source)
        elif _scheme(source) in ("http", "https"):
            shown = shown_address(source)
            raise CatalogueError(f"{shown} is a web address: list it in a CSV file with id and url")


def _check_path(source: str) -> None:
    path = Path(source)
    if not path.exists():
        raise CatalogueError(
            f"{source} does not exist: name a folder, an address such as s3://bucket, a database"
            " or a file with id and path"
        )
    if not path.is_dir() and path.suffix.lower() not in _TABLES:
        raise CatalogueError(
            f"{source} is a single file: name its folder, or look it up with `stemtide match`"
        )


def list_source(source: str, *, query: str) -> Iterator[StoredItem | UnlistedItem]:
    """Yield the content of a source. raises: CatalogueError."""
    for item in _list(source, query):
        if isinstance(item, StoredItem) and len(item.ref) > MAX_REF:
            yield UnlistedItem(
                item.ref,
                f"its id is longer than {MAX_REF} characters: list it in a CSV file with your own",
            )
        else:
            yield item


def _list(source: str, query: str) -> Iterator[StoredItem | UnlistedItem]:
    if _scheme(source) in SCHEMES:
        return list_query(source, query)
    if _scheme(source):
        return list_objects(source)
    path = Path(source)
    return list_folder(path) if path.is_dir() else _TABLES[path.suffix.lower()](path)


def _scheme(source: str) -> str:
    """Return the scheme of an address; "" for a path."""
    scheme, separator, _ = source.partition("://")
    return scheme.lower() if separator else ""
