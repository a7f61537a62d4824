# SPDX-License-Identifier: Apache-2.0
"""Uploads whose text is in a picture: screenshots and photographs of pages, read by Tesseract."""

import random

import pytest

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.kinds import PICTURE_TEXT, Kind
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.text.fingerprint import sketch
from tests import tesseract
from tests.agent.world import agent_of, config_of
from tests.fingerprints.picture_texts import OTHER, TEXTS, photographed, png, screenshot
from tests.fingerprints.pictures import encoded, photo
from tests.rounds import rounds
from tests.tesseract import LANGUAGES

pytestmark = pytest.mark.skipif(not tesseract.is_installed(), reason=tesseract.INSTALL)


def shared(hub, text):
    return hub.share(sketch(text).to_bytes().hex(), kind="text", labels=["manifesto"])


@pytest.fixture(scope="module")
def reading():
    with Sandbox(languages=LANGUAGES) as sandbox:
        sandbox.check_reading()
        yield sandbox


@pytest.fixture
def agent(hub, tmp_path, reading):
    with agent_of(config_of(hub, tmp_path, text_in_pictures=LANGUAGES), reading) as agent:
        agent.wait(ready=True)
        yield agent


@pytest.mark.parametrize("language", rounds(LANGUAGES[:1], nightly=LANGUAGES))
def test_a_screenshot_of_a_shared_text_matches_and_the_answer_quotes_its_words(
    hub, agent, language
):
    signal = shared(hub, TEXTS[language])
    agent.wait(position=hub.head)
    answer = agent.match(png(screenshot(TEXTS[language])))
    (match,) = answer["matches"]
    assert (match["signal"], match["kind"]) == (str(signal.id), "text")
    assert match["part"] == PICTURE_TEXT
    assert answer["decision"]["action"] in {"hold", "block"}
    assert f"% sure, {PICTURE_TEXT}" in answer["decision"]["why"]
    place, _, quoted = match["transform"].partition(": ")
    assert place.startswith("words ")
    assert " ".join(quoted.strip("“”…").split()[:5]) in " ".join(TEXTS[language].split())


ALTERED = {
    "half the size": lambda page: encoded(page.resize((540, page.height // 2)), "JPEG", quality=60),
    "photographed": lambda page: encoded(photographed(page), "JPEG", quality=70),
    "white on black": lambda page: png(page.point(lambda light: 255 - light)),
}


@pytest.mark.nightly
@pytest.mark.parametrize("alter", [*ALTERED])
def test_an_altered_picture_of_the_text_matches_too(hub, agent, alter):
    shared(hub, TEXTS["eng"])
    agent.wait(position=hub.head)
    (match,) = agent.match(ALTERED[alter](screenshot(TEXTS["eng"])))["matches"]
    assert (match["part"], match["match_percent"] >= 95) == (PICTURE_TEXT, True)


@pytest.mark.nightly
def test_an_excerpt_in_another_picture_names_the_words_that_are_shared(hub, agent):
    shared(hub, TEXTS["eng"])
    agent.wait(position=hub.head)
    quote = " ".join(TEXTS["eng"].split()[20:70])
    (match,) = agent.match(png(screenshot(f"{OTHER} {quote}")))["matches"]
    kind, words, *_ = match["transform"].split(", ")
    first = int(words.split()[1])
    assert kind in {"passage", "embedded", "excerpt"}
    assert first > len(OTHER.split())


@pytest.mark.nightly
def test_near_misses_do_not_match(hub, agent):
    shared(hub, TEXTS["eng"])
    agent.wait(position=hub.head)
    shuffled = " ".join(sorted(TEXTS["eng"].split()))
    for picture in (screenshot(OTHER), screenshot(shuffled), screenshot(TEXTS["nld"])):
        answer = agent.match(png(picture))
        assert answer["matches"] == []
        assert PICTURE_TEXT in {printed["part"] for printed in answer["fingerprints"]}


@pytest.mark.parametrize(
    "name", rounds(["rocket.jpg"], nightly=["chelsea.png", "coffee.png", "rocket.jpg"])
)
def test_a_photograph_without_text_matches_nothing_and_counts_as_read(hub, agent, name):
    shared(hub, TEXTS["eng"])
    agent.wait(position=hub.head)
    answer = agent.match(encoded(photo(name), "JPEG", quality=90))
    assert answer["decision"] == answer["decision"] | {"action": None, "undecodable": False}
    assert (answer["matches"], answer["remarks"]) == ([], [])


def test_text_in_pictures_is_read_only_if_the_settings_say_so(hub, config, sandbox):
    shared(hub, TEXTS["eng"])
    with agent_of(config, sandbox) as agent:
        agent.wait(position=hub.head, ready=True)
        assert agent.match(png(screenshot(TEXTS["eng"])))["matches"] == []


@pytest.mark.nightly
def test_a_text_that_takes_too_long_leaves_a_remark_and_the_other_fingerprints():
    page = png(screenshot(" ".join(TEXTS.values()) * 8, size_px=17, width=2000))
    with Sandbox(languages=LANGUAGES, limits=DecodingLimits(cpu_s=1, wall_s=600)) as sandbox:
        prints = sandbox.analyse(page, options=AnalysisOptions(text=True)).fingerprints
    assert {printed.kind for printed in prints.each} == {Kind.SHA256, Kind.MD5, Kind.PDQ}
    (remark,) = [remark for remark in prints.remarks if "its text was not read" in remark]
    assert remark.startswith("limit: ")
    assert prints.is_incomplete


@pytest.mark.nightly
def test_whatever_is_done_to_a_picture_its_other_fingerprints_are_made(reading):
    chance = random.Random(221)  # noqa: S311 - repeatable, not secret
    page = encoded(screenshot(TEXTS["eng"]), "JPEG", quality=70)
    for turn in range(12):
        blob = bytearray(page)
        for _ in range(chance.choice((1, 5, 40))):
            blob[chance.randrange(len(blob))] = chance.randrange(256)
        if turn % 2:
            del blob[chance.randrange(1, len(blob)) :]
        prints = reading.analyse(bytes(blob), options=AnalysisOptions(text=True)).fingerprints
        assert {Kind.SHA256, Kind.MD5} <= {printed.kind for printed in prints.each}


def test_a_language_without_a_model_is_named_with_the_remedy():
    with (
        Sandbox(languages=("eng", "xyz")) as sandbox,
        pytest.raises(SandboxError, match=r"no model for xyz: apt install tesseract-ocr-xyz"),
    ):
        sandbox.check_reading()
