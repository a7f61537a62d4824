# SPDX-License-Identifier: Apache-2.0
"""Open 7z archives with Python's standard library.

py7zr writes files, and needs nine packages under the LGPL for methods that are rare in archives.
The common methods (LZMA, LZMA2 with filters, bzip2, deflate, none) are in the standard library.
Other methods, and encryption, are reported.

source: 7-Zip, DOC/7zFormat.txt and DOC/Methods.txt.
"""

import lzma
import zlib
from collections.abc import Iterator

from stemtide.fingerprints.archive.sevenzip_header import (
    START_BYTES,
    Archive,
    Coder,
    Folder,
    read_archive,
    read_packed_header,
    read_start,
)
from stemtide.fingerprints.archive.streams import (
    ArchiveBudget,
    ArchiveError,
    PieceReader,
    Pieces,
    bzipped,
    deflated,
    lzma_filter,
    raw_lzma,
    stored,
)
from stemtide.fingerprints.kinds import UNDECODABLE

_COPY, _DEFLATE, _BZIP2 = "00", "040108", "040202"
_LZMA, _LZMA2, _DELTA, _AES = "030101", "21", "03", "06f10701"
_BRANCHES = {
    "03030103": lzma.FILTER_X86,
    "04": lzma.FILTER_X86,
    "03030205": lzma.FILTER_POWERPC,
    "05": lzma.FILTER_POWERPC,
    "03030401": lzma.FILTER_IA64,
    "06": lzma.FILTER_IA64,
    "03030501": lzma.FILTER_ARM,
    "07": lzma.FILTER_ARM,
    "03030701": lzma.FILTER_ARMTHUMB,
    "08": lzma.FILTER_ARMTHUMB,
    "03030805": lzma.FILTER_SPARC,
    "09": lzma.FILTER_SPARC,
}
_NAMES = {
    "030401": "PPMd",
    "0303011b": "BCJ2",
    "040109": "Deflate64",
    "04f71101": "Zstandard",
    "04f71102": "Brotli",
    "04f71104": "LZ4",
    "0a": "ARM64",
    _AES: "AES",
}
_MAX_PACKED_HEADERS = 4
_MAX_DICTIONARY_BITS = 40


def seven_entries(blob: bytes, budget: ArchiveBudget) -> Iterator[tuple[str, Pieces, str]]:
    """Yield name, content and remark of each file, one after the other.

    raises: ArchiveError if the directory is damaged or encrypted.
    """
    archive = _read(blob, budget)
    files = iter(archive.files)
    for folder in archive.folders:
        try:
            stream, remark = PieceReader(_opened(blob, folder, budget)), ""
        except ArchiveError as error:
            stream, remark = PieceReader(iter(())), f"{UNDECODABLE}{error}"
        for size, crc in folder.parts:
            name = next(files, "unnamed")
            budget.spend(0)
            if remark:
                yield name, iter(()), remark
                continue
            content = stream.pieces(size)
            yield name, _checked(content, crc), ""
            try:
                for _ in content:
                    pass  # the unread rest
            except ArchiveError as error:
                remark = f"{UNDECODABLE}{error}"
    for name in archive.empty_files:
        yield name, iter(()), ""


def has_rare_methods(blob: bytes, budget: ArchiveBudget) -> bool:
    """Whether a file of the archive is packed by a method that is not opened here.

    raises: ArchiveError if the directory is damaged or encrypted.
    """
    folders = _read(blob, budget).folders
    rare = _NAMES.keys() - {_AES}
    return any(coder.method in rare for folder in folders for coder in folder.coders)


def _read(blob: bytes, budget: ArchiveBudget) -> Archive:
    """Read the directory, which is often packed itself."""
    header = read_start(blob)
    if not header and len(blob) > START_BYTES:
        raise ArchiveError("its directory names no file, and yet something is in it")
    for _ in range(_MAX_PACKED_HEADERS):
        packed = read_packed_header(header)
        if packed is None:
            return read_archive(header)
        size = packed.size_bytes
        if any(coder.method == _AES for coder in packed.coders):
            raise ArchiveError("its directory is encrypted: it opens with a password only")
        header = b"".join(PieceReader(_opened(blob, packed, budget)).pieces(size))
    raise ArchiveError("its directory is damaged: it is packed over and over")


def _opened(blob: bytes, folder: Folder, budget: ArchiveBudget) -> Pieces:
    """Open a packed stream through its coders, the outermost of which is first."""
    packed = memoryview(blob)[folder.offset : folder.offset + folder.packed_bytes]
    coders = [coder for coder in folder.coders if coder.method != _COPY]
    for coder in coders:
        if coder.method == _AES:
            raise ArchiveError("encrypted: it opens with a password only")
    if not coders:
        return stored(packed, budget)
    if len(coders) == 1 and coders[0].method == _DEFLATE:
        return deflated(packed, budget)
    if len(coders) == 1 and coders[0].method == _BZIP2:
        return bzipped(packed, budget)
    filters = [_filter(coder) for coder in coders]
    if filters[-1]["id"] not in {lzma.FILTER_LZMA1, lzma.FILTER_LZMA2} or not folder.is_chain:
        raise ArchiveError("it is packed in a way that is not opened here")
    return raw_lzma(packed, budget, filters=filters)


def _filter(coder: Coder) -> dict[str, int]:
    if coder.method == _LZMA:
        return lzma_filter(coder.properties)
    if coder.method == _LZMA2 and len(coder.properties) == 1:
        return {"id": lzma.FILTER_LZMA2, "dict_size": _lzma2_dictionary(coder.properties[0])}
    if coder.method == _DELTA and len(coder.properties) == 1:
        return {"id": lzma.FILTER_DELTA, "dist": coder.properties[0] + 1}
    if coder.method in _BRANCHES:
        return {"id": _BRANCHES[coder.method]}
    name = _NAMES.get(coder.method, coder.method)
    raise ArchiveError(f"it is packed with {name[:20]}, which is not opened here")


def _lzma2_dictionary(bits: int) -> int:
    if bits >= _MAX_DICTIONARY_BITS:
        return (1 << 32) - 1
    return (2 | bits & 1) << (bits // 2 + 11)


def _checked(pieces: Pieces, crc: int | None) -> Pieces:
    """Yield content, and verify its checksum at the end."""
    computed = 0
    for piece in pieces:
        computed = zlib.crc32(piece, computed)
        yield piece
    if crc is not None and computed != crc:
        raise ArchiveError("it is damaged: its checksum is another one")
