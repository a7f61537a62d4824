# SPDX-License-Identifier: Apache-2.0
"""Copies for a provider whose people play: files that they upload through their own path."""

from base64 import b64decode

from stemtide.exercises.live.people import copies_to_upload
from stemtide.exercises.play.content import ContentMaker
from stemtide.exercises.play.context import Context
from stemtide.hub.rooms.exercises.rules import check_file
from stemtide.scenarios import reader
from stemtide.scenarios.acts import UploadCopies


def copies(scenario, **facts):
    plan = reader.read(scenario)
    context = Context(plan, world=None, content=ContentMaker(plan.content), sandbox=None)
    act = UploadCopies.model_validate({"act": "upload", "at": ("videos",)} | facts)
    return copies_to_upload(context, act)


def test_each_variant_is_a_file_that_the_hub_takes():
    variants = ("untouched", "reencoded")
    text, files = copies("first-crisis", content="third-picture", variants=variants, copies=5)
    _, texts = copies("first-crisis", content="text")
    assert "5 times each" in text
    names = ["third-picture-untouched.png", "third-picture-reencoded.jpg", "text-untouched.txt"]
    assert [file.name for file in (*files, *texts)] == names
    for file in (*files, *texts):
        check_file(file.name, b64decode(file.content))


def test_links_are_told_and_no_files():
    text, files = copies("first-crisis", content="link", variants=("other-spelling",))
    assert "HTTPS://Videos.Example.org:443/./exercise/3" in text
    assert files == ()
