# SPDX-License-Identifier: Apache-2.0
"""List and read the files of an object store, by fsspec."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from stemtide.catalogue.items import CatalogueError, StoredItem, UnlistedItem, shown_address

NEEDS_FSSPEC = "addresses such as s3:// need fsspec: pip install 'stemtide[catalogue]'"
_PROTOCOLS = ("s3", "gs", "abfs", "file")
"""Those whose addresses name a file without a host or a user, which fsspec would leave out."""

_STAMPS = ("ETag", "etag", "md5", "mtime", "LastModified", "last_modified", "updated", "modified")
"""What file systems call what changes with a file. The first one that a file has is used."""

_IN_MEMORY_BYTES = 32 << 20
_CHUNK_BYTES = 4 << 20


class ObjectError(Exception):
    """A file of an object store cannot be read. The message says why."""


def list_objects(url: str) -> Iterator[StoredItem | UnlistedItem]:
    """Yield the files below an address. The id of a file is its address. raises: CatalogueError."""
    file_system, root = _open(url)
    has_any = False
    try:
        for _, folders, files in file_system.walk(root, detail=True, on_error="raise"):
            has_any = has_any or bool(folders or files)
            for details in files.values():
                if details["name"].rstrip("/") != root.rstrip("/"):  # a folder's own marker
                    yield _item(file_system, details)
    except Exception as error:
        raise CatalogueError(f"{shown_address(url)} cannot be listed: {_reason(error)}") from error
    if not has_any:
        raise CatalogueError(f"{shown_address(url)} has no files: check the address")


@contextmanager
def opened(item: StoredItem, *, max_bytes: int) -> Iterator[bytes | str]:
    """Yield the content of a file: its bytes, or for a large one the path of a temporary copy.

    The copy has no name in a folder, so that nothing of it stays if this process is ended.

    raises: ObjectError.
    """
    with tempfile.TemporaryFile() as copy:
        try:
            size_bytes = _copy(item.location, copy, max_bytes=max_bytes)
        except Exception as error:
            raise ObjectError(f"cannot be read: {_reason(error)}") from error
        copy.seek(0)  # this writes what is left, too
        yield f"/proc/self/fd/{copy.fileno()}" if size_bytes > _IN_MEMORY_BYTES else copy.read()


def _copy(address: str, copy: IO[bytes], *, max_bytes: int) -> int:
    """Copy a file, and return its size. raises: CatalogueError, and what a file system raises."""
    file_system, path = _open(address)
    size_bytes = 0
    with file_system.open(path, "rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            size_bytes += copy.write(chunk)
            if size_bytes > max_bytes:
                raise CatalogueError(f"it has more than {max_bytes:,} bytes, which is the limit")
    return size_bytes


def _open(url: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it. raises: CatalogueError."""
    protocol, _, place = url.partition("://")
    if "::" in url:
        raise CatalogueError(f"{shown_address(url)} chains file systems: name the place itself")
    if protocol not in _PROTOCOLS:
        allowed = ", ".join(f"{name}://" for name in _PROTOCOLS)
        raise CatalogueError(
            f"{shown_address(url)} cannot be opened: begin the address with one of {allowed}"
        )
    if "@" in place.partition("/")[0]:
        raise CatalogueError(
            f"{shown_address(url)} cannot be opened: name the account in the environment, not"
            " before or behind an @"
        )
    try:
        import fsspec  # noqa: PLC0415 - of an extra
    except ImportError as error:
        raise CatalogueError(NEEDS_FSSPEC) from error
    try:
        file_system, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise CatalogueError(f"{shown_address(url)} cannot be opened: {_reason(error)}") from error
    return file_system, str(path)


def _item(file_system: Any, details: dict[str, Any]) -> StoredItem:  # noqa: ANN401 - of fsspec
    address = str(file_system.unstrip_protocol(details["name"]))
    size_bytes = int(details.get("size") or 0)
    stamp = next((str(details[name]) for name in _STAMPS if details.get(name)), "")
    return StoredItem(address, address, f"{size_bytes}-{stamp}", size_bytes)


def _reason(error: Exception) -> str:
    """Return the first line of an error for people."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
