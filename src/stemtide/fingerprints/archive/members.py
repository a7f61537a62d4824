# SPDX-License-Identifier: Apache-2.0
"""Open archives in memory, file by file, so that each file can be analysed like an upload.

Nothing is ever written to disk, so names in an archive are only shown. The cost of an archive is
limited over everything nested in it; parts that could not be opened are reported.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stemtide.fingerprints.analysis import Content, bytes_of
from stemtide.fingerprints.archive import foreign
from stemtide.fingerprints.archive.sevenzip import has_rare_methods, seven_entries
from stemtide.fingerprints.archive.streams import (
    ArchiveBudget,
    ArchiveError,
    ArchiveLimits,
    PieceReader,
    Pieces,
    bzipped,
    gzipped,
    stored,
    xzipped,
)
from stemtide.fingerprints.archive.tar import BLOCK_BYTES, is_tar, tar_entries
from stemtide.fingerprints.archive.zip import open_entry, zip_entries
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from stemtide.fingerprints.limits import LimitError

__all__ = ["ArchiveLimits", "Member", "is_archive", "members"]

_MAGICS = (
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"7z\xbc\xaf\x27\x1c", foreign.SEVEN_ZIP),
    (b"Rar!\x1a\x07", foreign.RAR),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
)
_STREAMS = {
    "application/gzip": gzipped,
    "application/x-bzip2": bzipped,
    "application/x-xz": xzipped,
    "application/zstd": foreign.zstd,
}
_ENDINGS = (".gz", ".bz2", ".xz", ".zst")
_SHORT_ENDINGS = dict.fromkeys((".tgz", ".tbz2", ".tbz", ".txz", ".tzst"), ".tar")
_MAX_NAME_CHARS = 300
_BZIP_BLOCKS = b"123456789"

Entries = Iterator[tuple[str, Pieces, str]]


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive, or a remark about one.

    name:   path, including archives within archives: "photos.zip/a.jpg". Only for display. "" when
            the remark is about the archive itself.
    blob:   content; b"" if it is not available, the readable beginning if it is damaged.
    remark: "" if all is well; otherwise it begins with UNDECODABLE or LIMIT.
    """

    name: str
    blob: bytes
    remark: str = ""


def is_archive(head: bytes) -> str:
    """Return the media type of an archive by its first bytes, or "" if they are of none.

    head: the first 512 bytes or more.
    """
    for magic, media_type in _MAGICS:
        if head.startswith(magic):
            is_bzip = magic != b"BZh" or (len(head) > 4 and head[3] in _BZIP_BLOCKS)  # noqa: PLR2004
            return media_type if is_bzip else ""
    return "application/x-tar" if is_tar(head) else ""


def members(
    content: Content, *, limits: ArchiveLimits | None = None, name: str = ""
) -> Iterator[Member]:
    """Yield the files of an archive, and those of archives in it.

    A nested archive is yielded as a file first, then its files. Folders and links are skipped.
    Files are read on demand, and none is kept.

    name:   name of the archive, from which a lone compressed file gets its name.
    limits: limits of cost. If one is exceeded, a last member names it.
    """
    blob = bytes_of(content)
    budget = ArchiveBudget(limits or ArchiveLimits(), packed_bytes=len(blob))
    try:
        for member in _members(blob, budget, path="", depth=1, name=name):
            budget.pause()
            yield member
            budget.resume()
    except LimitError as error:
        yield Member("", b"", f"{LIMIT}{error} ({error.limit}): the rest was not looked at")


def _members(
    blob: bytes, budget: ArchiveBudget, *, path: str, depth: int, name: str
) -> Iterator[Member]:
    try:
        for raw_name, pieces, remark in _entries(blob, budget, name):
            budget.count_member()
            member = _collect(path + _shown(raw_name), pieces, remark, budget)
            yield member
            if is_archive(member.blob[:BLOCK_BYTES]):
                yield from _nested(member, budget, depth=depth)
    except (ArchiveError, RecursionError) as error:
        yield Member(path.rstrip("/"), b"", f"{UNDECODABLE}this archive: {error}")


def _nested(member: Member, budget: ArchiveBudget, *, depth: int) -> Iterator[Member]:
    if depth >= budget.limits.max_depth:
        most = budget.limits.max_depth
        yield Member(
            member.name,
            b"",
            f"{LIMIT}archives nested deeper than {most} are not opened (max_depth)",
        )
        return
    yield from _members(
        member.blob, budget, path=f"{member.name}/", depth=depth + 1, name=member.name
    )


def _collect(name: str, pieces: Pieces, remark: str, budget: ArchiveBudget) -> Member:
    """Read a file up to its damage or the size limit."""
    most, parts, size = budget.limits.max_member_bytes, [], 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > most:
                return Member(
                    name, b"", f"{LIMIT}it has more than {most:,} bytes (max_member_bytes)"
                )
            parts.append(piece)
    except ArchiveError as error:
        remark = f"{UNDECODABLE}{error}"
    return Member(name, b"".join(parts), remark)


def _entries(blob: bytes, budget: ArchiveBudget, name: str) -> Entries:
    """Yield name, content and remark of each file of one archive."""
    media_type = is_archive(blob[:BLOCK_BYTES])
    if media_type == "application/zip":
        yield from _zip(blob, budget)
    elif media_type == foreign.SEVEN_ZIP:
        yield from _seven(blob, budget)
    elif media_type == "application/x-tar":
        yield from _tar(PieceReader(stored(memoryview(blob), budget)))
    elif media_type in _STREAMS:
        stream = PieceReader(_STREAMS[media_type](memoryview(blob), budget))
        if is_tar(stream.peek(BLOCK_BYTES)):
            yield from _tar(stream)
        else:
            yield _inner_name(name), iter(lambda: stream.read(BLOCK_BYTES * 128), b""), ""
    else:
        yield from foreign.foreign_entries(blob, budget, media_type=media_type)


def _zip(blob: bytes, budget: ArchiveBudget) -> Entries:
    for entry in zip_entries(blob):
        budget.spend(0)  # looks at the clock: folders, too, take time
        if entry.is_encrypted:
            yield entry.name, iter(()), f"{UNDECODABLE}encrypted: it opens with a password only"
        elif not entry.is_folder:
            yield entry.name, open_entry(blob, entry, budget), ""


def _seven(blob: bytes, budget: ArchiveBudget) -> Entries:
    if foreign.is_installed() and has_rare_methods(blob, budget):
        yield from foreign.foreign_entries(blob, budget, media_type=foreign.SEVEN_ZIP)
    else:
        yield from seven_entries(blob, budget)


def _tar(stream: PieceReader) -> Entries:
    for name, pieces in tar_entries(stream):
        yield name, pieces, ""


def _inner_name(name: str) -> str:
    """Return the name of a lone compressed file: that of its archive without the suffix."""
    last = name.rpartition("/")[2]
    for ending in _ENDINGS:
        if last.lower().endswith(ending):
            return last[: -len(ending)]
    for ending, instead in _SHORT_ENDINGS.items():
        if last.lower().endswith(ending):
            return last[: -len(ending)] + instead
    return last or "content"


def _shown(name: str) -> str:
    """Make a name fit for display: no control characters, limited length."""
    clean = "".join(
        character if character.isprintable() else "\ufffd" for character in name[:_MAX_NAME_CHARS]
    )
    return clean or "unnamed"
