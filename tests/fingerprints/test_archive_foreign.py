# SPDX-License-Identifier: Apache-2.0
"""Archives that libarchive opens: RAR, zstd, rare methods of 7z. And what hostile ones cost."""

import random

import pytest

from stemtide.fingerprints.archive import foreign
from stemtide.fingerprints.archive.members import ArchiveLimits, is_archive, members
from stemtide.fingerprints.archive.rar import RAR_5, encrypted_files
from stemtide.fingerprints.archive.streams import ArchiveBudget
from stemtide.fingerprints.kinds import LIMIT, UNDECODABLE, Kind
from stemtide.fingerprints.limits import LimitError
from stemtide.fingerprints.sandbox.pool import Sandbox
from tests.fingerprints.pictures import encoded, photo
from tests.fingerprints.rars import CAME_FROM, GOES_ON, LINK, rar4, rar5
from tests.fingerprints.test_archive import FILES, SEVEN_PPMD, contents, opened, tarred, zipped

CAT = encoded(photo("chelsea.png"), "PNG")
LOCKED = f"{UNDECODABLE}encrypted: it opens with a password only"
pytestmark = pytest.mark.skipif(not foreign.is_installed(), reason="needs libarchive")


def zstd(blob):
    import libarchive

    pieces = []
    with libarchive.custom_writer(
        lambda piece: pieces.append(bytes(piece)) or len(piece), "raw", "zstd"
    ) as archive:
        archive.add_file_from_memory("content", len(blob), blob)
    return b"".join(pieces)


@pytest.mark.parametrize("pack", [rar4, rar5])
def test_the_files_of_a_rar_archive_are_handed_out(pack):
    assert is_archive(pack(FILES)) == "application/vnd.rar"
    assert contents(pack(FILES)) == FILES


def test_names_are_only_shown_and_links_are_skipped():
    (name,) = contents(rar5({"größe/../../etc/passwd": b"x"}))
    assert name == "größe/../../etc/passwd"
    assert contents(rar5({"link": b"/etc/passwd"}, mode=LINK)) == {}
    assert contents(rar4({"link": b"/etc/passwd"}, mode=LINK)) == {}


@pytest.mark.parametrize("pack", [rar4, rar5])
def test_an_encrypted_file_of_a_rar_archive_is_named(pack):
    assert opened(pack({"secret": bytes(64)}, encrypted=True)) == [("secret", b"", LOCKED)]


@pytest.mark.parametrize("pack", [rar4, rar5])
def test_a_rar_archive_that_is_cut_off_says_so(pack):
    whole = pack({"a.txt": b"x" * 70_000, "b.txt": b"later"})
    *_, (name, _, remark) = opened(whole[:-30_000])
    assert (name, remark.startswith(f"{UNDECODABLE}this archive")) == ("", True)


def test_a_file_that_is_shorter_than_it_says_is_cut_off():
    ((_, content, remark),) = opened(rar5({"a": b"abc"}, sized=5_000_000))
    assert (content, remark) == (b"abc", f"{UNDECODABLE}it is cut off")


@pytest.mark.parametrize("flags", [GOES_ON, CAME_FROM])
def test_a_part_of_an_archive_in_several_files_says_that_more_is_missing(flags):
    *_, (_, _, remark) = opened(rar5({"v": b"y" * 1000}, sized=5000, flags=flags))
    assert remark.startswith(UNDECODABLE)


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"max_members": 5}, "max_members"),
        ({"max_total_bytes": 1000}, "max_total_bytes"),
        ({"cpu_s": 0}, "cpu_s"),
    ],
)
def test_a_rar_archive_that_costs_too_much_says_which_limit_it_hit(limits, named):
    blob = rar5({f"{number}": b"x" * 400 for number in range(9)})
    assert f"({named})" in opened(blob, **limits)[-1][2]


def test_a_hundred_thousand_empty_files_end_at_the_limit():
    found = opened(rar5({str(number): b"" for number in range(100_000)}))
    assert len(found) == ArchiveLimits().max_members + 1
    assert found[-1][2].startswith(LIMIT)


def test_headers_that_belong_to_no_file_are_read_within_the_budget():
    header = b"\0\0\0\0" + bytes((2, 4, 0))  # of a kind that is neither a file nor the end
    budget = ArchiveBudget(ArchiveLimits(cpu_s=0), packed_bytes=1)
    with pytest.raises(LimitError, match="opening it takes more than 0 s"):
        next(encrypted_files(RAR_5 + header * 2000, budget))


def test_a_bomb_of_zstd_ends_at_the_ratio():
    bomb = zstd(bytes(40 << 20))
    assert len(bomb) < 40_000
    assert "(max_ratio)" in opened(bomb)[-1][2]


def test_archives_of_all_kinds_in_each_other_are_opened_to_the_limit():
    inner = rar5({"cat.txt": b"a cat"})
    nested = contents(zipped({"in.rar": rar4({"in.tar.zst": zstd(tarred({"in.rar": inner}))})}))
    assert nested["in.rar/in.tar.zst/in.rar/cat.txt"] == b"a cat"
    deeper = rar5({"outer.rar": zipped({"in.rar": rar4({"in.tar": tarred({"in.rar": inner})})})})
    assert "(max_depth)" in opened(deeper)[-1][2]


def test_ppmd_in_7z_is_opened():
    assert all(content for content in contents(SEVEN_PPMD).values())


def test_mutated_rar_archives_raise_nothing():
    rng = random.Random(7)  # noqa: S311 - repeatable on purpose
    for good in (rar4(FILES), rar5(FILES), zstd(tarred(FILES))):
        for _ in range(200):
            mutated = bytearray(good)
            for _ in range(rng.randint(1, 6)):
                mutated[rng.randrange(8, len(mutated))] = rng.randrange(256)
            end = rng.choice([len(mutated), rng.randint(1, len(mutated))])
            for member in members(bytes(mutated[:end]), limits=ArchiveLimits(cpu_s=2)):
                assert not member.remark or member.remark.startswith((UNDECODABLE, LIMIT))


def test_in_the_sandbox_a_picture_in_a_rar_archive_is_found_by_its_name():
    with Sandbox() as sandbox:
        prints = sandbox.fingerprint(rar5({"photos/größe.png": CAT}))
        (alone,) = sandbox.fingerprint(CAT).of(Kind.PDQ)
    (packed,) = prints.of(Kind.PDQ)
    assert (packed.value, packed.part) == (alone.value, "photos/größe.png")
    assert prints.remarks == ()
