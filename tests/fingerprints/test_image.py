# SPDX-License-Identifier: Apache-2.0
import gc
import random
import struct
import warnings
from io import BytesIO

import numpy as np
import pdqhash
import pytest
from PIL import Image, ImageCms, ImageOps

from stemtide.fingerprints.image import fingerprint as images, formats, heif_boxes, luma
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.limits import DecodingLimits
from tests.fingerprints.pictures import (
    animation,
    bits_between,
    encoded,
    heic,
    lying_jpeg,
    photo,
    png_bomb,
)
from tests.rounds import rounds

LIMITS = DecodingLimits()


def looked_at(blob, **limits):
    return images.fingerprint_image(blob, limits=DecodingLimits(**limits))


def only(found):
    assert len(found.each) == 1, found.remarks
    return found.each[0]


def reference(image):
    bits, quality = pdqhash.compute(np.asarray(image.convert("RGB")))
    return np.packbits(bits.astype(np.uint8)).tobytes(), quality


WHOLE = reference(photo())


FILES = [
    ("PNG", {}, 2),
    ("WEBP", {"quality": 80}, 8),
    ("AVIF", {"quality": 80}, 8),
    ("GIF", {}, 8),
    ("JPEG", {"quality": 90}, 6),
    ("JPEG", {"quality": 90, "progressive": True}, 6),
    ("BMP", {}, 2),
    ("TIFF", {}, 2),
    ("PPM", {}, 2),
    ("QOI", {}, 2),
    ("JPEG2000", {}, 4),
    ("WEBP", {"lossless": True}, 2),
    ("JPEG", {"quality": 90, "keep_rgb": True}, 6),
]


@pytest.mark.parametrize(("file_type", "options", "within_bits"), rounds(FILES[:6], nightly=FILES))
def test_every_file_type_gives_nearly_the_hash_of_the_pixels(file_type, options, within_bits):
    found = looked_at(encoded(photo(), file_type, **options))
    pdq = only(found)
    assert (pdq.kind, pdq.part) == (Kind.PDQ, "")
    assert bits_between(pdq.value, WHOLE[0]) <= within_bits
    assert pdq.quality == WHOLE[1]
    assert found.media_type.startswith("image/")
    assert not found.is_incomplete


@pytest.mark.parametrize(
    "options",
    rounds([{"tile_size": 128}], nightly=[{}, {"tile_size": 128}, {"deep": True}]),
    ids=str,
)
def test_a_picture_of_a_telephone_gives_nearly_the_hash_of_the_pixels(options):
    found = looked_at(heic(photo(), quality=80, **options))
    assert bits_between(only(found).value, WHOLE[0]) <= 8
    assert (found.media_type, found.remarks) == ("image/heic", ())


def oriented(picture, orientation):
    """The picture with that orientation in its EXIF, and not turned."""
    copy = picture.copy()
    copy.getexif()[0x0112] = orientation
    return copy


@pytest.mark.parametrize("orientation", rounds([6], nightly=range(2, 9)))
def test_a_turned_picture_of_a_telephone_is_hashed_as_it_is_shown(orientation):
    picture = photo("coffee.png")
    shown = ImageOps.exif_transpose(oriented(picture, orientation))
    found = looked_at(heic(picture, orientation=orientation))
    assert bits_between(only(found).value, reference(shown)[0]) <= 8


def in_mode(mode):  # noqa: PLR0911 - one way for each family of modes
    whole = photo()
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(whole, srgb, lab, outputMode="LAB")
    if mode in {"La", "LA", "PA"}:
        return whole.convert("LA").convert(mode)
    if mode == "RGBa":
        return whole.convert("RGBA").convert(mode)
    if mode.startswith("I;16"):
        order = ">u2" if mode == "I;16B" else "<u2"
        grey = np.asarray(whole.convert("L")).astype(order) * 257
        return Image.frombytes(mode, whole.size, grey.astype(order).tobytes())
    if mode == "I":
        return Image.fromarray(np.asarray(whole.convert("L")).astype(np.int32) * 257)
    if mode == "F":
        return Image.fromarray(np.asarray(whole.convert("L")).astype(np.float32) / 255)
    return whole.convert(mode)


@pytest.mark.parametrize(
    ("mode", "within_bits"),
    [
        ("1", 16), ("L", 2), ("P", 8), ("LA", 2), ("La", 2), ("PA", 8), ("RGB", 2), ("RGBA", 2),
        ("RGBX", 2), ("RGBa", 2), ("CMYK", 2), ("YCbCr", 2), ("LAB", 16), ("HSV", 4), ("I", 2),
        ("I;16", 2), ("I;16B", 2), ("F", 2),
    ],
)  # fmt: skip
def test_every_mode_is_read_for_its_brightness(mode, within_bits):
    plane = luma.plane_of(in_mode(mode))
    grid = plane.shrink(full_size=photo().size[::-1])
    value, quality = images.pdq.hash_grid(grid)
    assert bits_between(value, WHOLE[0]) <= within_bits
    assert abs(quality - WHOLE[1]) <= 2


@pytest.mark.parametrize(
    "size", [(1, 1), (3, 5), (7, 640), (641, 479), (1023, 3), (4000, 3000), (5001, 4001)]
)
def test_pixels_are_read_in_place_as_they_are(size):
    chance = np.random.default_rng(size[0])
    image = Image.frombytes("L", size, chance.bytes(size[0] * size[1]))
    for one in (image, image.transpose(Image.Transpose.ROTATE_90), image.crop((0, 0, *size))):
        pixels = luma.pixels_of(one)
        assert np.array_equal(pixels, np.asarray(one))
        assert not pixels.flags.writeable


def test_pixels_outlive_their_picture():
    pixels = [luma.pixels_of(Image.new("L", (301, 207), level)) for level in range(200)]
    gc.collect()
    assert all((each == level).all() for level, each in enumerate(pixels))


@pytest.mark.parametrize(
    ("file_type", "mode"),
    [
        ("PNG", "1"), ("PNG", "L"), ("PNG", "LA"), ("PNG", "P"), ("PNG", "RGBA"), ("PNG", "I;16"),
        ("TIFF", "1"), ("TIFF", "CMYK"), ("TIFF", "YCbCr"), ("TIFF", "LAB"), ("TIFF", "I"),
        ("TIFF", "F"), ("TIFF", "I;16"), ("TIFF", "RGBX"), ("TIFF", "RGBA"), ("JPEG", "L"),
        ("JPEG", "CMYK"), ("JPEG", "YCbCr"), ("PPM", "1"), ("PPM", "F"), ("PPM", "I;16"),
    ],
)  # fmt: skip
def test_a_file_of_every_mode_is_hashed(file_type, mode):
    pdq = only(looked_at(encoded(in_mode(mode), file_type)))
    assert bits_between(pdq.value, WHOLE[0]) <= 16
    assert pdq.quality > 90


def test_a_palette_with_transparency_is_hashed_without_a_warning():
    blob = encoded(photo().convert("P"), "PNG", transparency=bytes(range(256)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert bits_between(only(looked_at(blob)).value, WHOLE[0]) <= 8


def test_transparency_hides_nothing():
    seen = photo().convert("RGBA")
    seen.putalpha(0)
    assert bits_between(only(looked_at(encoded(seen, "PNG"))).value, WHOLE[0]) <= 2


def test_a_note_of_rotation_is_not_followed():
    turned = photo().getexif()
    turned[0x0112] = 6
    plain = only(looked_at(encoded(photo(), "JPEG", quality=90)))
    assert only(looked_at(encoded(photo(), "JPEG", quality=90, exif=turned))) == plain


def test_numbers_of_no_known_scale_are_stretched():
    wild = Image.fromarray(np.asarray(photo().convert("L")).astype(np.float32) * 1e6 - 5e7)
    pdq = only(looked_at(encoded(wild, "TIFF")))
    assert bits_between(pdq.value, WHOLE[0]) <= 2


def test_a_picture_of_nothing_but_not_a_number_is_of_no_quality():
    blank = Image.fromarray(np.full((64, 64), np.nan, np.float32))
    found = looked_at(encoded(blank, "TIFF"))
    assert only(found).quality == 0
    assert found.remarks[0].startswith("low quality (0 of 100)")


def test_a_large_jpeg_is_decoded_reduced_and_hashes_like_the_full_one():
    large = photo("retina.jpg").resize((4000, 3000))
    blob = encoded(large, "JPEG", quality=88)
    expected, quality = reference(Image.open(BytesIO(blob)))
    pdq = only(looked_at(blob))
    assert bits_between(pdq.value, expected) <= 4
    assert abs(pdq.quality - quality) <= 2


@pytest.mark.parametrize("file_type", ["JPEG", "PNG", "TIFF", "BMP"])
def test_a_file_that_is_cut_off_is_hashed_as_far_as_it_goes(file_type):
    blob = encoded(photo(), file_type)
    found = looked_at(blob[: len(blob) * 9 // 10])
    assert bits_between(only(found).value, WHOLE[0]) <= 40
    assert "cut off or damaged" in found.remarks[0]


@pytest.mark.nightly
def test_a_picture_in_tiles_that_is_cut_off_is_hashed_as_far_as_it_goes():
    blob = heic(photo(), quality=80, tile_size=128)
    found = looked_at(blob[: len(blob) * 19 // 20])
    assert bits_between(only(found).value, WHOLE[0]) <= 40
    assert found.remarks[0].startswith("cut off or damaged")
    assert looked_at(blob + b"what a telephone appends").remarks == ()


@pytest.mark.parametrize("share", rounds([0.5], nightly=[0.02, 0.5, 0.99]))
def test_a_heic_of_which_nothing_is_whole_is_undecodable_and_not_black(share):
    blob = heic(photo(), quality=80)
    found = looked_at(blob[: int(len(blob) * share)])
    assert (found.each, found.media_type) == ((), "image/heic")
    assert found.remarks[-1].startswith("undecodable: ")


SIZE = b"ispe" + bytes(6)


CONTRADICTIONS = {
    "larger than stated": (
        *({}, SIZE + b"\x02\0", SIZE + b"\0\x20", "undecodable: this HEIF is damaged"),
    ),
    "too large": ({}, SIZE, SIZE[:8] + b"\x7f\xff", "limit: the picture is too large"),
    "no primary": ({}, b"pitm", b"free", "undecodable: damaged, or a kind of heic"),
    "another codec": ({}, b"hvc1", b"av01", "undecodable: damaged, or a kind of heic"),
    "too few tiles": (
        *({"tile_size": 128}, SIZE + b"\0\x80", SIZE + b"\0\x40", "undecodable: damaged, or"),
    ),
}


@pytest.mark.parametrize("name", rounds([*CONTRADICTIONS][:1], nightly=[*CONTRADICTIONS]))
def test_a_heic_that_contradicts_itself_costs_a_remark(name):
    options, old, new, words = CONTRADICTIONS[name]
    blob = heic(photo(), **options)
    assert old in blob
    found = looked_at(blob.replace(old, new))
    assert (found.each, found.is_incomplete) == ((), True)
    assert found.remarks[-1].startswith(words)


def cropped(blob, width, height, right, down):
    """The HEIC with a clean aperture, so far from the middle: its boxes are repeated at the end."""
    begin = blob.index(b"meta") - 4
    meta = bytearray(blob[begin:][: int.from_bytes(blob[begin : begin + 4])])
    at = meta.index(b"pixi") - 4
    meta[at : at + 16] = struct.pack(
        ">I4sIIIIiIiI", 40, b"clap", width, 1, height, 1, right, 1, down, 1
    )
    for kind in (b"meta", b"iprp", b"ipco"):
        at = meta.index(kind) - 4
        struct.pack_into(">I", meta, at, int.from_bytes(meta[at : at + 4]) + 24)
    return blob.replace(b"meta", b"free", 1) + meta


@pytest.mark.nightly
def test_a_heic_is_cropped_to_its_clean_aperture_and_limited_before():
    blob = cropped(heic(photo(), quality=90), 200, 100, -20, 30)
    shown = photo().crop((136, 236, 336, 336))  # from (512 - 200) / 2 - 20, (512 - 100) / 2 + 30
    with formats.open_image(blob) as image:
        assert image.size == (200, 100)
        wrong = np.abs(np.asarray(image, int) - np.asarray(shown, int)).mean()
    assert wrong < 8
    found = looked_at(blob, max_pixels=512 * 512 - 1)
    assert (found.each, found.remarks[-1].startswith("limit: ")) == ((), True)


def one_item(*, kind=b"hvc1", extents=b"", head=0x4400):
    """The parts of a meta box in which one item has these extents."""
    places = struct.pack(">IHHHHH", 0, head, 1, 1, 0, len(extents) // 8) + extents
    return places, {1: heif_boxes._Item(kind)}


def extents_of(*pairs):
    return b"".join(struct.pack(">II", *pair) for pair in pairs)


def test_an_extent_without_a_size_reaches_to_the_end():
    places, items = one_item(extents=extents_of((6, 0), (0, 2)))
    heif_boxes._read_places(places, items)
    assert heif_boxes._data(items[1], b"01234567", b"") == b"6701"
    places, items = one_item(head=0)
    heif_boxes._read_places(places[:-2] + b"\0\1", items)
    assert heif_boxes._data(items[1], b"01234567", b"") == b"01234567"


@pytest.mark.parametrize("head", [0, 0x4400])
def test_extents_that_a_box_cannot_hold_are_refused_before_they_are_read(head):
    places, items = one_item(head=head)
    with pytest.raises(SyntaxError, match="65535 extents do not fit"):
        heif_boxes._read_places(places[:-2] + b"\xff\xff", items)
    assert items[1].extents == []


def test_an_item_or_its_tiles_that_repeat_the_file_are_refused():
    places, items = one_item(extents=extents_of((0, 0), (0, 1)))
    heif_boxes._read_places(places, items)
    with pytest.raises(SyntaxError, match="an item that is larger"):
        heif_boxes._data(items[1], b"01234567", b"")
    properties = [(b"ispe", bytes(4) + b"\0\0\0\x80" * 2), (b"hvcC", b"")]
    items = {n: heif_boxes._Item(b"hvc1", (), [(0, 5)], properties=properties) for n in (1, 2)}
    with pytest.raises(SyntaxError, match="tiles that are larger"):
        heif_boxes._tiles((1, 2), items, b"01234567", b"")
    tiles = heif_boxes._tiles((1,) * 9, items, b"01234567", b"")
    assert len({id(tile.data) for tile in tiles}) == 1


@pytest.mark.parametrize(
    "file_type", rounds(["JPEG", "PNG"], nightly=["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
)
def test_an_image_cut_in_its_head_is_undecodable_not_unknown(file_type):
    found = looked_at(encoded(photo(), file_type)[:24])
    assert found.each == ()
    assert found.remarks[0].startswith("undecodable: ")
    assert found.media_type == f"image/{file_type.lower()}"


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"text",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n",
        b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom",
    ],
    ids=["empty", "text", "svg", "playlist", "eps", "mp4"],
)
def test_what_is_no_image_gets_no_hash_and_a_remark(blob):
    found = looked_at(blob)
    assert (found.each, found.media_type) == ((), "")
    assert found.remarks[0].startswith("not an image: ")
    assert not found.is_incomplete


def test_a_kind_of_image_that_is_not_read_is_said_to_be_undecodable():
    found = looked_at(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1")
    assert found.media_type == "image/heic"
    assert found.is_incomplete


def test_a_bomb_is_refused_by_its_stated_size():
    for blob in (png_bomb(50_000), lying_jpeg(65_000)):
        found = looked_at(blob)
        assert found.each == ()
        assert found.remarks[0].startswith("limit: ")
        assert "max_pixels" in found.remarks[0]


def test_the_pixel_limit_is_the_one_that_was_given():
    blob = encoded(photo(), "PNG")
    pixels = photo().width * photo().height
    assert looked_at(blob, max_pixels=pixels).each
    assert looked_at(blob, max_pixels=pixels - 1).is_incomplete
    assert looked_at(animation("TIFF"), max_pixels=100).is_incomplete


def test_a_tiny_picture_is_too_small_for_a_hash():
    found = looked_at(encoded(photo().resize((4, 40)), "PNG"))
    assert found.each == ()
    assert found.remarks[0].startswith("too small: 4 x 40 px")
    assert only(looked_at(encoded(photo().resize((5, 5)), "PNG"))).kind is Kind.PDQ


def test_a_dull_picture_keeps_its_hash_and_is_said_to_be_dull():
    found = looked_at(encoded(Image.new("RGB", (300, 200), "navy"), "PNG"))
    assert only(found).quality == 0
    assert found.remarks[0].startswith("low quality (0 of 100)")


@pytest.mark.parametrize("file_type", ["GIF", "WEBP", "PNG", "AVIF"])
def test_every_distinct_frame_of_an_animation_is_hashed_with_its_time(file_type):
    found = looked_at(animation(file_type))
    assert [one.part for one in found.each][:3] == [
        "frame 1 at 0.0 s",
        "frame 2 at 0.3 s",
        "frame 3 at 0.6 s",
    ]
    assert found.remarks == ("animated: 6 of 6 frames looked at, 6 distinct kept",)


def test_pages_are_parts_too():
    assert [one.part for one in looked_at(animation("TIFF", frames=2)).each] == ["page 1", "page 2"]


def test_frames_that_show_the_same_are_kept_once():
    still = photo().resize((128, 128))
    dotted = [still.copy() for _ in range(5)]
    for i, frame in enumerate(dotted):
        frame.putpixel((i, 0), (255, 0, 0))
    blob = encoded(dotted[0], "PNG", save_all=True, append_images=dotted[1:], duration=100)
    found = looked_at(blob)
    assert only(found).part == "frame 1 at 0.0 s"
    assert "5 of 5 frames" in found.remarks[0]


def test_an_animation_of_nothing_keeps_one_dull_hash():
    plain = [Image.new("L", (64, 64), 40 * i) for i in range(5)]
    found = looked_at(encoded(plain[0], "GIF", save_all=True, append_images=plain[1:]))
    assert only(found).quality == 0
    assert found.remarks[0].startswith("low quality")


def test_a_long_animation_is_looked_at_evenly_and_where_it_stands_still():
    frames = [photo().resize((64, 64)).rotate(7 * i) for i in range(40)]
    shown_ms = [2000 if i == 33 else 20 for i in range(40)]
    blob = encoded(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=shown_ms, loop=0
    )
    found = looked_at(blob, max_frames=8)
    parts = [one.part.split(" at ")[0] for one in found.each]
    assert parts == ["frame 1", "frame 11", "frame 21", "frame 31", "frame 34"]
    assert "5 of 40 frames looked at" in found.remarks[-1]


@pytest.mark.nightly
def test_an_animation_that_takes_too_long_says_which_frames_were_looked_at():
    found = looked_at(animation("GIF", frames=120), wall_s=0.04)
    assert found.is_incomplete
    assert found.remarks[0].startswith("limit: only the first ")
    assert 0 < len(found.each) < 120


@pytest.mark.parametrize("file_type", ["GIF", "PNG"])
def test_an_animation_that_is_cut_off_keeps_the_frames_before_the_cut(file_type):
    blob = animation(file_type)
    found = looked_at(blob[: len(blob) * 6 // 10])
    assert "cut off or damaged" in found.remarks[0]
    assert 2 <= len(found.each) <= 4


@pytest.mark.parametrize("whole_frames", [1, 4])
def test_a_gif_that_ends_in_the_head_of_a_frame_keeps_the_frames_before(whole_frames):
    blob = animation("GIF")
    heads = [at for at in range(len(blob)) if blob.startswith(b"\x2c\0\0\0\0", at)]
    assert len(heads) == 6
    found = looked_at(blob[: heads[whole_frames] + 9])
    assert len(found.each) == whole_frames
    assert "cut off or damaged" in found.remarks[0]


@pytest.mark.parametrize("file_type", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF"])
def test_mutated_files_get_a_hash_or_a_remark_and_never_an_exception(file_type):
    chance = random.Random(file_type)  # noqa: S311 - repeatable, not secret
    small = encoded(photo().resize((96, 64)), file_type)
    for _ in range(rounds(20, nightly=60)):
        blob = bytearray(small)
        for _ in range(chance.randint(1, 20)):
            blob[chance.randrange(len(blob))] = chance.randrange(256)
        found = looked_at(bytes(blob[: chance.randint(10, len(blob))]), max_pixels=1_000_000)
        assert found.each or found.remarks
