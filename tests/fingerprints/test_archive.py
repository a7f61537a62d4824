# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S311 - repeatable on purpose
import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import time
import zipfile
import zlib
from base64 import b64decode

import pytest

from stemtide.fingerprints.archive import foreign
from stemtide.fingerprints.archive.members import ArchiveLimits, is_archive, members
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE
from tests.rounds import rounds

FILES = {"a.txt": b"hello " * 40, "sub/b.txt": b"other words " * 30, "empty.txt": b""}
RANDOM = random.Random(1).randbytes(3000)

SEVEN = b64decode(
    "N3q8ryccAATys9kWogAAAAAAAAAhAAAAAAAAABMDaw7gAlcAHF0ANBlJ7o3pXm1U+nX4Xr5LiwVsSIhzLGVt5sAAAAAA"
    "AIEzB64P0Es5PJ8/R0EFh4ajV3InGIpg1gODnx5Faca2yrs1I4CP5AEk2/hk0rBFhY+gPuOc/BtjSkMqfvWE2FijWwfl"
    "7mUQBCNj2PrfOmrJuICqdo9gBYqefaGyGEvLWScaxQWNGE4JLy2q1aXWZUbxPPhLYJY62Q0CAAAXBiQBCX4ABwsBAAEj"
    "AwEBBV0AEAAADIC2CgEE/7AuAAA="
)
"""FILES as 7-Zip 25 packs them: LZMA2, and a packed directory."""

SEVEN_ENCRYPTED = b64decode(
    "N3q8ryccAAQLBFiMIAAAAAAAAABiAAAAAAAAAFL5awD0mqXuIVCUHM01fqTSJWjuQMIhDq56iicgA6FrVCwmbwEEBgAB"
    "CSAABwsBAAIkBvEHARJTD9TT1efWXW5sAGxrUuwgWwwhIQEAAQAMFIDwAAgKAZ5QlH0AAAUBGQARDQBhAC4AdAB4AHQA"
    "AAAUCgEAiTr00VF83QEVBgEAIICkgQAA"
)
SEVEN_ALL_ENCRYPTED = b64decode(
    "N3q8ryccAAR3cV5mkAAAAAAAAAAuAAAAAAAAANQcsbPENEorryaT/dYpivkDusgdyWG7wSA8zI8kuoha92raYQuATqL6"
    "TiSpKnKZ2E76wr7XcflO6Uxytt3CfdAEGqqcNh7rH3zXPfGtNkGcdJ1r0spaFwPXAmuyMwomYOcq9gowVi1u32g3fEBo"
    "+F8DNkSYggOpHoph+GJuoA4EnvaPwMxAAIa31iyIkWBkfEUJPBYXBiABCXAABwsBAAEkBvEHARJTD1sd8zQa//BhZthU"
    "kErFJpQMYgoB2YBj4gAA"
)
SEVEN_PPMD = b64decode(
    "N3q8ryccAAS87NaakgAAAAAAAAAhAAAAAAAAAMMHa3oAZ/uDfXAkW+RDPJnBviaSfwQ5Ymp2jywAAAAAAIEzB64Pz7Xv"
    "EA/r6p4BDujEqk+tXk2dBr81+f3s47CnR4D8ANgr1GA0xcMAXy3XTr6BQKHSEqgHz2SsZrm34U72RNYeD5GtrDGHLrKX"
    "GSbocN6iHVXOYatVNsL9otAnNwnfoSY9dwB/tQsidjIZy8APkQAAABcGGwEJdwAHCwEAASMDAQEFXQAQAAAMgJoKAa82"
    "AeIAAA=="
)


def zipped(files, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.mkdir("folder")
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tarred(files, mode="w", form=tarfile.PAX_FORMAT):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, format=form) as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, content in files.items():
            head = tarfile.TarInfo(name)
            head.size = len(content)
            archive.addfile(head, io.BytesIO(content))
    return stream.getvalue()


def opened(blob, name="", **limits):
    return [
        (one.name, one.blob, one.remark)
        for one in members(blob, limits=ArchiveLimits(**limits), name=name)
    ]


def contents(blob, name=""):
    found = opened(blob, name)
    assert [remark for *_, remark in found if remark] == []
    return {name: content for name, content, _ in found}


ARCHIVES = {
    "zip, stored": (zipped(FILES, zipfile.ZIP_STORED), "application/zip"),
    "zip, deflate": (zipped(FILES), "application/zip"),
    "zip, bzip2": (zipped(FILES, zipfile.ZIP_BZIP2), "application/zip"),
    "zip, lzma": (zipped(FILES, zipfile.ZIP_LZMA), "application/zip"),
    "tar, pax": (tarred(FILES), "application/x-tar"),
    "tar, gnu": (tarred(FILES, form=tarfile.GNU_FORMAT), "application/x-tar"),
    "tar, ustar": (tarred(FILES, form=tarfile.USTAR_FORMAT), "application/x-tar"),
    "tar.gz": (tarred(FILES, "w:gz"), "application/gzip"),
    "tar.bz2": (tarred(FILES, "w:bz2"), "application/x-bzip2"),
    "tar.xz": (tarred(FILES, "w:xz"), "application/x-xz"),
    "7z": (SEVEN, "application/x-7z-compressed"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_the_files_of_an_archive_are_handed_out(kind):
    blob, media_type = ARCHIVES[kind]
    assert is_archive(blob[:512]) == media_type
    assert contents(blob) == FILES


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_lone_compressed_file_is_handed_out_whole(pack):
    ending = {"gzip": ".gz", "bz2": ".bz2", "lzma": ".xz"}[pack.__module__]
    twice = pack(RANDOM) + pack(b"and more")
    assert contents(twice, f"dir/notes.txt{ending}") == {"notes.txt": RANDOM + b"and more"}


def test_long_names_are_read_in_every_kind_of_tar():
    files = {"d/" * 80 + "name.txt": b"x", "ü" * 150: b"y"}
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        assert contents(tarred(files, form=form)) == files


def test_an_archive_behind_something_else_is_opened():
    blob = zipped(FILES)
    moved = b"PK\x03\x04" + RANDOM + blob
    assert contents(moved) == FILES


def test_a_zip_with_wide_sizes_is_read():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive, archive.open("a", "w", force_zip64=True) as file:
        file.write(b"wide")
    assert contents(stream.getvalue()) == {"a": b"wide"}


def test_archives_within_archives_are_opened_and_handed_out_themselves():
    inner = zipped({"deep.txt": b"deep"})
    middle = tarred({"in.zip": inner}, "w:gz")
    assert contents(zipped({"mid.tar.gz": middle})) == {
        "mid.tar.gz": middle,
        "mid.tar.gz/in.zip": inner,
        "mid.tar.gz/in.zip/deep.txt": b"deep",
    }


def test_a_file_may_be_given(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(FILES))
    assert [one.name for one in members(path)] == list(FILES)


def test_names_are_only_shown():
    for blob in (zipped({"../../etc/x\n\x1b[2J": b"1"}), tarred({"../../etc/x\n\x1b[2J": b"1"})):
        assert contents(blob) == {"../../etc/x\ufffd\ufffd[2J": b"1"}
    assert len(opened(zipped({"n" * 5000: b""}))[0][0]) == 300


# What cannot be opened is said


def test_encrypted_files_are_said_to_be():
    said = f"{UNDECODABLE}encrypted: it opens with a password only"
    locked = bytearray(zipped({"a.txt": b"secret"}))
    locked[locked.rfind(b"PK\x01\x02") + 8] |= 1
    locked[locked.rfind(b"PK\x01\x02", 0, len(locked) - 60) + 8] |= 1
    assert ("a.txt", b"", said) in opened(bytes(locked))
    assert opened(SEVEN_ENCRYPTED) == [("a.txt", b"", said)]
    assert "encrypted" in opened(SEVEN_ALL_ENCRYPTED)[0][2]


@pytest.fixture
def without_libarchive(monkeypatch):
    """As where the extra is not installed."""
    monkeypatch.setattr(foreign, "libarchive", None)


@pytest.mark.usefixtures("without_libarchive")
def test_methods_and_kinds_that_are_not_opened_are_named():
    assert "PPMd, which is not opened here" in opened(SEVEN_PPMD)[0][2]
    assert "vnd.rar" in opened(b"Rar!\x1a\x07\x01\x00 and so on")[0][2]
    odd = zipped({"a": RANDOM})
    at = odd.rfind(b"PK\x01\x02", 0, len(odd))
    assert "method 97" in opened(odd[: at + 10] + b"\x61\0" + odd[at + 12 :])[-1][2]


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind != "tar, ustar"])
def test_an_archive_that_is_cut_off_says_so(kind):
    blob = ARCHIVES[kind][0]
    found = opened(blob[: len(blob) * 2 // 3] if "tar" not in kind else blob[: len(blob) // 4])
    assert any(remark.startswith(UNDECODABLE) for *_, remark in found)


def test_a_damaged_file_is_handed_out_as_far_as_it_goes():
    text = b"".join(b"line %d\n" % at for at in range(5000))
    found = opened(gzip.compress(text)[:-100], "log.gz")
    assert len(found) == 1
    assert text.startswith(found[0][1])
    assert len(found[0][1]) > 1000
    assert found[0][2] == f"{UNDECODABLE}it is cut off"
    stored = bytearray(zipped({"a": RANDOM}, zipfile.ZIP_STORED))
    stored[stored.find(RANDOM) + 5] ^= 1
    assert "checksum" in opened(bytes(stored))[0][2]


# Limits


def test_a_file_that_is_too_large_is_not_handed_out_and_the_next_one_is():
    files = {"big": bytes(200_000), "small": b"s"}
    for blob in (zipped(files), tarred(files)):
        found = opened(blob, max_member_bytes=100_000)
        assert found == [
            ("big", b"", f"{LIMIT}it has more than 100,000 bytes (max_member_bytes)"),
            ("small", b"s", ""),
        ]


COSTLY = [
    (lambda: zipped({str(at): b"" for at in range(50)}), {"max_members": 10}, "max_members"),
    (lambda: zipped({"a": RANDOM * 300}), {"max_total_bytes": 500_000}, "max_total_bytes"),
    (lambda: gzip.compress(bytes(40_000_000)), {}, "max_ratio"),
    (lambda: zipped({"a": bytes(30_000_000)}), {"cpu_s": 1e-6}, "cpu_s"),
    (lambda: tarred({str(at): b"" for at in range(50)}), {"max_members": 10}, "max_members"),
    (lambda: zipped({"a": bytes(40_000_000)}, zipfile.ZIP_BZIP2), {}, "max_ratio"),
    (lambda: lzma.compress(bytes(40_000_000)), {}, "max_ratio"),
    (lambda: gzip.compress(b"") * 20_000, {}, "max_members"),
]


@pytest.mark.parametrize(("pack", "limits", "named"), rounds(COSTLY[:4], nightly=COSTLY))
def test_an_archive_that_costs_too_much_says_which_limit_it_hit(pack, limits, named):
    *_, (name, content, remark) = opened(pack(), **limits)
    assert (name, content) == ("", b"")
    assert remark.startswith(LIMIT)
    assert f"({named}): the rest was not looked at" in remark


def test_archives_are_opened_only_so_deep():
    blob = b"the bottom"
    for level in range(8):
        blob = zipped({f"{level}.zip": blob})
    found = opened(blob, max_depth=3)
    assert found[-1][2] == f"{LIMIT}archives nested deeper than 3 are not opened (max_depth)"
    assert len(found) == 4


def test_a_bomb_of_overlapping_entries_is_stopped():
    """Every entry of the directory points to the same kernel, as in the bombs of Fifield (2019)."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = engine.compress(bytes(10_000_000)) + engine.flush()
    sizes = struct.pack("<3L", zlib.crc32(bytes(10_000_000)), len(kernel), 10_000_000)
    local = b"PK\x03\x04" + struct.pack("<5H", 20, 0, 8, 0, 0) + sizes + b"\1\0\0\0x"
    entry = b"PK\x01\x02" + struct.pack("<6H", 20, 20, 0, 8, 0, 0) + sizes
    entry += struct.pack("<5H2L", 1, 0, 0, 0, 0, 0, 0) + b"x"
    head = local + kernel
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, 60_000, 60_000, 60_000 * len(entry), len(head), 0
    )
    began = time.process_time()
    found = opened(head + entry * 60_000 + end)
    assert time.process_time() - began < 8
    assert found[-1][2].startswith(LIMIT)


def test_a_directory_of_nothing_but_folders_ends():
    entry = b"PK\x01\x02" + struct.pack("<6H3L5H2L", *[0] * 9, 2, 0, 0, 0, 0, 0, 0) + b"d/"
    count = 65_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, count * len(entry), 4, 0)
    assert opened(b"PK\x03\x04" + entry * count + end) == []


@pytest.mark.parametrize("kind", ARCHIVES)
def test_mutated_archives_raise_nothing(kind):
    good, rng = ARCHIVES[kind][0], random.Random(kind)
    for _ in range(300):
        mutated = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        end = rng.choice([len(mutated), rng.randint(1, len(mutated))])
        for one in members(bytes(mutated[:end]), limits=ArchiveLimits(cpu_s=2)):
            assert not one.remark or one.remark.startswith((UNDECODABLE, LIMIT))


def test_mutated_directories_of_7z_with_right_checksums_raise_nothing():
    """Past the checksum, so that the reader of the directory itself is tried."""
    header = bytes.fromhex(
        "01 04 06 0001 090a 00 07 0b0100 010100 0c0a 00 08 0d02 0904 00 00"
        "05 02 11 09 00 61000000 62000000 00 00"
    )
    rng = random.Random(7)
    for at in range(4000):
        mutated = bytearray(header)
        for _ in range(rng.randint(0, 4) if at else 0):
            mutated[rng.randrange(len(mutated))] = rng.choice([0, 1, 2, 255, rng.randrange(256)])
        start = struct.pack("<QQL", 10, len(mutated), zlib.crc32(mutated))
        head = b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<L", zlib.crc32(start)) + start
        found = opened(head + b"0123456789" + bytes(mutated))
        assert at or found == [("a", b"0123", ""), ("b", b"456789", "")]
        for *_, remark in found:
            assert not remark or remark.startswith((UNDECODABLE, LIMIT))


@pytest.mark.parametrize(
    "head",
    [b"", b"PK", b"BZhello", b"hello", bytes(512), b"\x1f\x8b", b"7z", RANDOM[:512]],
)
def test_what_is_no_archive_is_not_taken_for_one(head):
    assert is_archive(head) == ""
    assert opened(head)[0][2].startswith(UNDECODABLE)
