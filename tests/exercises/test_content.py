# SPDX-License-Identifier: Apache-2.0
"""Content of a scenario: the same for a seed, marked, and other for another seed."""

import io

import numpy as np
import pytest
from PIL import Image

from stemtide.exercises.play.content import ContentMaker
from stemtide.scenarios.schema import VARIANTS, ContentKind, ScenarioContent

KINDS = [ContentKind.PICTURE, ContentKind.TEXT]


def maker():
    return ContentMaker(
        {
            f"{kind}-{seed}": ScenarioContent(kind=kind, seed=seed)
            for kind in ContentKind
            for seed in (7, 8)
        }
    )


@pytest.mark.parametrize("kind", KINDS)
def test_content_is_the_same_in_every_run_and_other_for_another_seed(kind):
    first, second = maker(), maker()
    for variant in VARIANTS[kind]:
        assert first.file(f"{kind}-7", variant=variant) == second.file(f"{kind}-7", variant=variant)
        assert first.file(f"{kind}-7", variant=variant) != first.file(f"{kind}-8", variant=variant)


def test_a_text_says_that_it_is_an_exercise():
    assert b"EXERCISE" in maker().file("text-7")


def test_a_picture_carries_a_mark_that_fills_its_width():
    made = maker()
    picture = Image.open(io.BytesIO(made.file("picture-7"))).convert("L")
    band = picture.crop((0, int(picture.height * 0.7), picture.width, int(picture.height * 0.9)))
    assert (np.asarray(band) > 250).mean() > 1 / 20


def test_the_addresses_of_a_batch_differ_and_lie_on_no_real_host():
    made = maker()
    addresses = {made.address("address-7", number=number) for number in range(1, 50)}
    assert len(addresses) == 49
    assert all(address.startswith("https://videos.example.org/exercise/") for address in addresses)
