# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pdqhash
import pytest
from hypothesis import assume, given, settings, strategies as st
from PIL import Image

from stemtide.fingerprints.image import pdq
from tests.fingerprints import oracle
from tests.fingerprints.pictures import bits_between, photo, photo_paths
from tests.rounds import rounds


def grey(luma):
    return np.ascontiguousarray(np.repeat(luma[:, :, None], 3, axis=2))


def packed(bits):
    return np.packbits(np.asarray(bits).astype(np.uint8)).tobytes()


def reference(luma):
    bits, quality = pdqhash.compute(grey(luma))
    return packed(bits), quality


@pytest.mark.parametrize("path", photo_paths(), ids=lambda path: path.name)
def test_a_photograph_has_the_bits_and_the_quality_of_the_reference(path):
    with Image.open(path) as image:
        luma = np.asarray(image.convert("L"))
    assert pdq.hash_luma(luma) == reference(luma)


@given(height=st.integers(32, 700), width=st.integers(32, 700), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=rounds(30, nightly=60), deadline=None)
def test_any_size_of_picture_has_the_bits_and_the_quality_of_the_reference(height, width, seed):
    coarse = np.random.default_rng(seed).integers(0, 256, (24, 24), dtype=np.uint8)
    luma = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    assert pdq.hash_luma(luma) == reference(luma)


@given(height=st.integers(32, 300), width=st.integers(32, 300), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=rounds(20, nightly=40), deadline=None)
def test_noise_has_the_bits_and_the_quality_of_the_reference(height, width, seed):
    luma = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    assert pdq.hash_luma(luma) == reference(luma)


@given(height=st.integers(1, 31), width=st.integers(1, 31), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=rounds(30, nightly=60), deadline=None)
def test_small_pictures_have_the_quality_of_the_reference(height, width, seed):
    luma = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    value, quality = pdq.hash_luma(luma)
    assert (len(value), quality) == (32, reference(luma)[1])


@given(side=st.integers(1, 4), other=st.integers(1, 50))
def test_a_side_under_five_pixels_has_no_hash_as_in_the_reference(side, other):
    luma = np.arange(side * other, dtype=np.uint8).reshape(side, other)
    assert pdq.hash_luma(luma) == reference(luma) == (bytes(32), 0)


@given(level=st.integers(0, 255))
@settings(max_examples=10)
def test_a_flat_picture_has_no_quality(level):
    assert pdq.hash_luma(np.full((200, 300), level, np.uint8))[1] == 0


@pytest.mark.parametrize("name", ["astronaut.png", "camera.png", "coffee.png", "rocket.jpg"])
def test_the_eight_orientations_are_those_of_the_reference(name):
    luma = np.asarray(photo(name).convert("L"))
    bits, quality = pdqhash.compute_dihedral(grey(luma))
    grid = pdq.shrink(luma)
    assert pdq.dihedral(grid) == [packed(one) for one in bits]
    assert pdq.quality(grid) == quality


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=rounds(12, nightly=25), deadline=None)
def test_orientations_without_ties_are_those_of_the_reference(seed):
    luma = np.random.default_rng(seed).integers(0, 256, (97, 131), dtype=np.uint8)
    bits, _ = pdqhash.compute_dihedral(grey(luma))
    grid = pdq.shrink(luma)
    ours = pdq.dihedral(grid)
    assume(all(sum(map(int.bit_count, one)) == 128 for one in ours))
    assert ours == [packed(one) for one in bits]


@pytest.mark.parametrize("reduction", [2, 4])
def test_a_reduced_picture_hashes_like_the_full_one(reduction):
    full = photo("retina.jpg").convert("L")
    small = full.reduce(reduction)
    value, quality = pdq.hash_luma(np.asarray(small), full_size=(full.height, full.width))
    expected, expected_quality = pdq.hash_luma(np.asarray(full))
    assert bits_between(value, expected) <= 12  # 705 and 353 px a side; decoders stop at 1024
    assert abs(quality - expected_quality) <= 2


def test_the_weights_along_each_side_sum_to_one():
    for full, given_px in [(5, 5), (64, 64), (129, 129), (1000, 1000), (4000, 1000), (3001, 1501)]:
        _, weights = pdq._bands(full, given_px)
        assert np.allclose(weights.sum(axis=1), 1, atol=1e-5)


@given(full=st.integers(40, 1200), reduction=st.sampled_from([1, 2, 3, 4, 8]), up=st.booleans())
@settings(max_examples=rounds(15, nightly=100), deadline=None)
def test_the_weights_are_those_of_two_passes_of_a_box_filter(full, reduction, up):
    side = -(-full // reduction) if up else full // reduction
    starts, weights = pdq._bands(full, side)
    dense = np.zeros((64, side))
    for sample, (start, each) in enumerate(zip(starts, weights, strict=True)):
        dense[sample, start : start + len(each)] = each
    assert np.allclose(dense, oracle.weights(full, side), atol=1e-6)


@given(
    height=st.integers(5, 900),
    width=st.integers(5, 900),
    seed=st.integers(0, 2**32 - 1),
    reduction=st.sampled_from([1, 1, 2, 4, 8]),
)
@settings(max_examples=rounds(30, nightly=60), deadline=None)
def test_the_kernel_shrinks_as_numpy_does(height, width, seed, reduction):
    luma = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    full = height * reduction, width * reduction
    expected = oracle.shrink(luma, *pdq._bands(full[0], height), *pdq._bands(full[1], width))
    assert np.allclose(pdq.shrink(luma, full_size=full), expected, atol=2e-3)
    assert np.allclose(pdq.shrink(luma.astype(np.uint16), full_size=full), expected, atol=2e-3)


@given(top=st.integers(0, 90), left=st.integers(0, 90), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=rounds(15, nightly=30), deadline=None)
def test_a_part_of_a_picture_is_shrunk_in_place_like_a_copy_of_it(top, left, seed):
    luma = np.random.default_rng(seed).integers(0, 256, (200, 300), dtype=np.uint8)
    part = luma[top : top + 100, left : left + 150]
    assert not part.flags.c_contiguous
    assert np.array_equal(pdq.shrink(part), pdq.shrink(part.copy()))
    assert np.allclose(pdq.shrink(luma[:, ::-1]), pdq.shrink(luma[:, ::-1].copy()), atol=2e-3)


@given(seed=st.integers(0, 2**32 - 1), levels=st.sampled_from([1, 3, 40, 255]))
@settings(max_examples=rounds(40, nightly=80), deadline=None)
def test_the_kernel_hashes_as_numpy_does(seed, levels):
    grid = np.random.default_rng(seed).random((64, 64), np.float32) * np.float32(levels)
    assume(oracle.is_clear(grid))
    assert pdq.dihedral(grid) == oracle.dihedral(grid)
    assert pdq.hash_grid(grid) == (oracle.dihedral(grid)[0], oracle.quality(grid))


@pytest.mark.parametrize("fill", [0.0, 255.0, 1e38, -1e38, np.nan, np.inf])
def test_degenerate_grids_have_some_hash_of_no_or_full_quality(fill):
    grid = np.full((64, 64), fill, np.float32)
    grid[::2] *= np.float32(0.5)
    value, quality = pdq.hash_grid(grid)
    assert len(value) == 32
    assert 0 <= quality <= 100
    assert len(set(map(len, pdq.dihedral(grid)))) == 1
