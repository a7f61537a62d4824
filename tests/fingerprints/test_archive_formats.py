# SPDX-License-Identifier: Apache-2.0
"""The corners of each format, in archives written here byte by byte."""

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import pytest

from stemtide.fingerprints.archive.members import members
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from tests.fingerprints.test_archive import without_libarchive  # noqa: F401 - a fixture

TEXT = b"one line after another, " * 400
SIGNATURE = b"7z\xbc\xaf\x27\x1c\0\4"


def opened(blob, name=""):
    return [(one.name, one.blob, one.remark) for one in members(blob, name=name)]


def number(value):
    """A number as 7z writes them, in up to four bytes."""
    for extra in range(4):
        if value < 1 << (7 * (extra + 1)):
            first = (0xFF00 >> extra & 0xFF) | value >> (8 * extra)
            return bytes((first,)) + (value & (1 << 8 * extra) - 1).to_bytes(extra, "little")
    raise AssertionError(value)


def coder(method, properties=b"", *, inputs=1):
    flags = len(method) | (0x20 if properties else 0) | (0x10 if inputs > 1 else 0)
    streams = bytes((inputs, 1)) if inputs > 1 else b""
    return (
        bytes((flags,))
        + method
        + streams
        + (number(len(properties)) + properties if properties else b"")
    )


def folder(*coders, size, links=None, packed=1):
    """coders: outermost first; each takes what comes out of the next."""
    links = [(at, at + 1) for at in range(len(coders) - 1)] if links is None else links
    spelled = b"".join(number(a) + number(b) for a, b in links)
    indexes = b"".join(number(at) for at in range(packed)) if packed > 1 else b""
    kinds = number(len(coders)) + b"".join(coders) + spelled + indexes
    return b"\x07\x0b\x01\0" + kinds + b"\x0c" + number(size) * len(coders)


def seven(packed, unpack, *, crc=None, names=b"", sizes=None):
    """One folder with one file called a.txt."""
    checksum = b"" if crc is None else b"\x0a\1" + struct.pack("<L", crc)
    stated = sizes or [len(packed)]
    pack = (
        b"\x06\0" + number(len(stated)) + b"\x09" + b"".join(number(one) for one in stated) + b"\0"
    )
    name = names or b"\0" + "a.txt\0".encode("utf-16-le")
    files = b"\x05\x01\x11" + number(len(name)) + name + b"\0"
    header = b"\x01\x04" + pack + unpack + checksum + b"\0\0" + files + b"\0"
    return whole(packed, header)


def whole(packed, header):
    start = struct.pack("<QQL", len(packed), len(header), zlib.crc32(header))
    return SIGNATURE + struct.pack("<L", zlib.crc32(start)) + start + packed + header


def raw(*filters):
    return lzma.compress(TEXT, lzma.FORMAT_RAW, filters=list(filters))


LZMA1 = {"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 16}
LZMA2 = {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}
AS_LZMA1 = coder(b"\3\1\1", b"\x5d" + (1 << 16).to_bytes(4, "little"))
AS_LZMA2 = coder(b"\x21", b"\x0a")
DEFLATE = zlib.compressobj(9, zlib.DEFLATED, -15)
DEFLATED = DEFLATE.compress(TEXT) + DEFLATE.flush()

PACKED = {
    "stored": (TEXT, [coder(b"\0")]),
    "deflate": (DEFLATED, [coder(b"\4\1\x08")]),
    "bzip2": (bz2.compress(TEXT), [coder(b"\4\2\2")]),
    "lzma": (raw(LZMA1), [AS_LZMA1]),
    "lzma2": (raw(LZMA2), [AS_LZMA2]),
    "delta": (
        raw({"id": lzma.FILTER_DELTA, "dist": 3}, LZMA2),
        [coder(b"\3", b"\2"), AS_LZMA2],
    ),
    "programs": (raw({"id": lzma.FILTER_ARM}, LZMA2), [coder(b"\3\3\5\1"), AS_LZMA2]),
}


@pytest.mark.parametrize("kind", PACKED)
def test_7z_is_opened_as_it_is_packed(kind):
    packed, coders = PACKED[kind]
    blob = seven(packed, folder(*coders, size=len(TEXT)), crc=zlib.crc32(TEXT))
    assert opened(blob) == [("a.txt", TEXT, "")]


def test_coders_of_7z_may_be_listed_innermost_first():
    packed, (outer, inner) = PACKED["programs"]
    unpack = folder(inner, outer, size=len(TEXT), links=[(1, 0)])
    assert opened(seven(packed, unpack)) == [("a.txt", TEXT, "")]


@pytest.mark.parametrize(
    ("coders", "packed", "words"),
    [
        ([coder(b"\3\4\1")], 1, "PPMd"),
        ([coder(b"\4\1\x09")], 1, "Deflate64"),
        ([coder(b"\x7f\x7f")], 1, "7f7f, which is not opened"),
        ([coder(b"\3", b"\2")], 1, "a way that is not opened here"),
        ([coder(b"\x06\xf1\x07\x01", b"xy"), AS_LZMA2], 1, "encrypted"),
        ([coder(b"\3\3\1\x1b", inputs=4)], 4, "BCJ2"),
        ([coder(b"\3\1\1", b"\xff" + bytes(4))], 1, "not possible"),
        ([coder(b"\x21", b"")], 1, "21, which is not opened"),
    ],
)
@pytest.mark.usefixtures("without_libarchive")
def test_a_way_of_packing_that_is_not_opened_is_said(coders, packed, words):
    unpack = folder(*coders, size=10, packed=packed)
    ((name, content, remark),) = opened(seven(b"0123456789", unpack, sizes=[1] * packed))
    assert (name, content) == ("a.txt", b"")
    assert remark.startswith(UNDECODABLE)
    assert words in remark


@pytest.mark.parametrize(
    "huge",
    [
        coder(b"\x21", b"\x28"),
        coder(b"\x21", b"\x24"),
        coder(b"\3\1\1", b"\x5d" + b"\xff" * 4),
    ],
)
def test_a_dictionary_that_does_not_fit_is_a_limit(huge):
    ((_, _, remark),) = opened(seven(b"0123456789", folder(huge, size=10)))
    assert remark.startswith(LIMIT)
    assert "dictionary" in remark


def test_a_7z_whose_content_is_another_says_so():
    packed, coders = PACKED["lzma2"]
    for wrong in (
        seven(packed, folder(*coders, size=len(TEXT)), crc=1),
        seven(packed, folder(*coders, size=len(TEXT) + 1)),
        seven(packed[:-9], folder(*coders, size=len(TEXT))),
    ):
        assert opened(wrong)[0][2].startswith(UNDECODABLE)


@pytest.mark.parametrize(
    "header",
    [
        b"\x01\x04\x07\x0b\xf0\xff\xff\xff\xff\0",  # four billion folders
        b"\x01\x04\x06\0\xf0\xff\xff\xff\xff\x09",  # as many packed streams
        b"\x01\x05\xf0\xff\xff\xff\xff",  # as many files
        b"\x01\x05\xff" + b"\xff" * 8,  # more than there are atoms
        b"\x01\x04\x99",
        b"\x01\x04\x06\0\1\x99",
        b"\x01\x04\x07\x0b\1\0\0",
        b"\x01\x04\x07\x0b\1\0\1\x41\0",
        b"\x02",
        b"\x17\x06\0\0\0\0",
        b"\x17\x99",
    ],
)
def test_directories_that_lie_are_refused(header):
    ((name, content, remark),) = opened(whole(b"", header))
    assert (name, content) == ("", b"")
    assert remark.startswith((UNDECODABLE, LIMIT))


def test_a_7z_that_hides_its_files_from_its_directory_is_not_taken_for_an_empty_one():
    start = bytes(20)
    hiding = SIGNATURE + struct.pack("<L", zlib.crc32(start)) + start
    assert opened(hiding) == []
    ((_, _, remark),) = opened(hiding + b"a film")
    assert remark.startswith(UNDECODABLE)
    assert "yet something is in it" in remark


def test_a_7z_without_a_name_or_a_file_is_read():
    packed, coders = PACKED["stored"]
    unnamed = seven(packed, folder(*coders, size=len(TEXT)), names=b"\0")
    assert opened(unnamed)[0][:2] == ("unnamed", TEXT)
    assert opened(whole(b"", b"")) == []


# zip


def zipped(name="a.txt", content=TEXT):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def test_a_zip_with_a_wide_directory_is_read():
    blob = zipped()
    end = blob.rfind(b"PK\x05\x06")
    size, offset = struct.unpack_from("<2L", blob, end + 12)
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    narrow = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *[0xFFFF] * 2, *[0xFFFFFFFF] * 2, 0)
    assert opened(blob[:end] + wide + locator + narrow) == [("a.txt", TEXT, "")]


def test_a_zip_whose_directory_points_elsewhere_says_so():
    blob = zipped()
    entry = blob.rfind(b"PK\x01\x02")
    moved = blob[: entry + 42] + b"\7\0\0\0" + blob[entry + 46 :]
    assert "not where its directory says" in opened(moved)[0][2]
    far = blob[: entry + 42] + b"\0\0\0\x7f" + blob[entry + 46 :]
    assert "cut off" in opened(far)[0][2]
    end = blob.rfind(b"PK\x05\x06")
    for at, value in ((end + 12, b"\xff\xff\0\0"), (end + 10, b"\2\0"), (entry, b"XX")):
        wrong = blob[:at] + value + blob[at + len(value) :]
        assert any(remark.startswith(UNDECODABLE) for *_, remark in opened(wrong))


def test_a_zip_packed_as_xz_is_opened():
    blob, packed = zipped(content=b"x"), lzma.compress(TEXT)
    local, entry = bytearray(blob[:35]), bytearray(blob[blob.rfind(b"PK\x01\x02") :])
    sizes = struct.pack("<3L", zlib.crc32(TEXT), len(packed), len(TEXT))
    entry[10:12], entry[16:28] = b"\x5f\0", sizes
    end = entry.rfind(b"PK\x05\x06")
    entry[end + 16 : end + 20] = struct.pack("<L", 35 + len(packed))
    assert opened(bytes(local) + packed + bytes(entry)) == [("a.txt", TEXT, "")]


# tar


def tarred(*heads):
    """heads: (TarInfo, content); the content need not have the stated size."""
    blob = b""
    for head, content in heads:
        blob += head.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512)
    return blob + bytes(1024)


def head(name, size, kind=tarfile.REGTYPE):
    made = tarfile.TarInfo(name)
    made.size, made.type = size, kind
    return made


def with_size(blob, field):
    """Replace the size in the first header, and make its checksum right."""
    block = bytearray(blob[:512])
    block[124:136] = field
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + blob[512:]


def test_sizes_in_base_256_are_read():
    blob = with_size(tarred((head("a", 3), b"abc")), b"\x80" + (3).to_bytes(11, "big"))
    assert opened(blob) == [("a", b"abc", "")]


@pytest.mark.parametrize(
    "field", [b"\xff" * 12, b"99999999999\0", b"77777777777\0", b"-1234567890\0"]
)
def test_sizes_that_cannot_be_are_damage(field):
    found = opened(with_size(tarred((head("a", 3), b"abc"), (head("b", 1), b"b")), field))
    assert any(remark.startswith(UNDECODABLE) for *_, remark in found)


def test_headers_before_a_file_may_rename_it_and_state_its_size():
    pax = b"17 path=new/name\n10 size=3\n8 mtime\n"
    blob = tarred((head("x", len(pax), tarfile.XHDTYPE), pax), (head("old", 0), b"abc"))
    assert opened(blob) == [("new/name", b"abc", "")]
    for broken in (b"0 path=x\n", b"x path=x\n", b"999999999 path=x"):
        blob = tarred((head("x", len(broken), tarfile.XHDTYPE), broken), (head("old", 3), b"abc"))
        assert [content for _, content, _ in opened(blob)] == [b"abc"]


def test_a_header_of_two_megabytes_is_damage():
    blob = tarred((head("x", 2 << 20, tarfile.XHDTYPE), bytes(2 << 20)))
    assert "a header of it has 2,097,152 bytes" in opened(blob)[0][2]


@pytest.mark.parametrize(
    ("name", "inner"),
    [("a.txt.gz", "a.txt"), ("x/b.TGZ", "b.tar"), ("noise", "noise"), ("", "content")],
)
def test_a_lone_compressed_file_is_called_like_its_archive(name, inner):
    import gzip

    assert opened(gzip.compress(TEXT), name)[0][0] == inner
