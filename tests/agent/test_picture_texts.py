# SPDX-License-Identifier: Apache-2.0
"""Uploads whose text is in a picture: screenshots and photographs of pages, read by Tesseract."""

import textwrap
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.kinds import PICTURE_TEXT, Kind
from stemtide.fingerprints.limits import DecodingLimits, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.text.fingerprint import sketch
from tests import tesseract
from tests.agent.world import agent_of, config_of
from tests.fingerprints.pictures import encoded, photo
from tests.tesseract import LANGUAGES

pytestmark = pytest.mark.skipif(not tesseract.is_installed(), reason=tesseract.INSTALL)

TEXTS = {
    "eng": """The committee for the old harbour calls everybody who lives between the two canals to
        come to the square before the custom house on the evening of the longest day. For nine
        years the promise of a bridge was repeated at every election and forgotten on the
        morning after. We bring lanterns, folding chairs and the drawings that a school class
        made of seven bridges. Whoever owns a boat shall moor it in one row, so that people
        can walk across the water for one night and the council sees from its windows what it
        has never wanted to build.""",
    "nld": """Het comité voor de oude haven roept iedereen die tussen de twee grachten woont op om
        op de avond van de langste dag naar het plein voor het douanehuis te komen. Negen jaar
        lang werd de belofte van een brug bij elke verkiezing herhaald en de ochtend daarna
        vergeten. Wij brengen lantaarns, klapstoelen en de tekeningen mee die een schoolklas
        van zeven bruggen heeft gemaakt. Wie een boot bezit legt die in één rij, zodat mensen
        een nacht lang over het water kunnen lopen en de raad vanuit zijn ramen ziet wat hij
        nooit wilde bouwen.""",
    "fra": """Le comité du vieux port appelle tous ceux qui habitent entre les deux canaux à venir
        sur la place devant la maison des douanes le soir du jour le plus long. Pendant neuf
        ans la promesse d'un pont a été répétée à chaque élection et oubliée le lendemain
        matin. Nous apportons des lanternes, des chaises pliantes et les dessins de sept ponts
        qu'une classe a faits. Celui qui possède un bateau le place dans une seule rangée,
        afin que les gens marchent une nuit sur l'eau et que le conseil voie de ses fenêtres
        ce qu'il n'a jamais voulu bâtir.""",
    "deu": """Das Komitee für den alten Hafen ruft alle, die zwischen den beiden Kanälen wohnen, am
        Abend des längsten Tages auf den Platz vor dem Zollhaus. Neun Jahre lang wurde die
        Brücke bei jeder Wahl versprochen und am Morgen danach vergessen. Wir bringen
        Laternen, Klappstühle und die Zeichnungen von sieben Brücken mit, die eine Schulklasse
        gemacht hat. Wer ein Boot besitzt, legt es in eine einzige Reihe, damit die Menschen
        eine Nacht lang über das Wasser gehen und der Rat von seinen Fenstern aus sieht, was
        er nie bauen wollte.""",
}
OTHER = """The reading room on the second floor will be closed for repairs until the heating works
    again. Books that were ordered before Monday wait at the desk of the museum next door, where the
    porter keeps them in alphabetical order. Please return whatever is due through the slot beside
    the bicycle shed, because nobody empties the large box in the hall during these three weeks."""


def screenshot(text, *, size_px=30, ink="black", paper="white", width=1080):
    """A telephone's picture of a text."""
    font = ImageFont.load_default(size_px)
    lines = textwrap.wrap(" ".join(text.split()), width * 19 // (size_px * 11))
    picture = Image.new("RGB", (width, (len(lines) + 4) * size_px * 3 // 2), paper)
    pen = ImageDraw.Draw(picture)
    pen.multiline_text((40, 60), "\n".join(lines), fill=ink, font=font, spacing=size_px // 3)
    return picture


def photographed(page):
    """The page as a camera sees it: a little turned, unsharp, with a shadow and noise."""
    turned = page.rotate(2, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    pixels = np.asarray(turned.filter(ImageFilter.GaussianBlur(1))).astype(float)
    light = np.linspace(1.0, 0.6, pixels.shape[1])[None, :, None]
    noise = np.random.default_rng(3).normal(0, 6, pixels.shape)
    return Image.fromarray(np.clip(pixels * light + noise, 0, 255).astype(np.uint8))


def png(picture):
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


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


@pytest.mark.parametrize("language", LANGUAGES)
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


@pytest.mark.parametrize(
    "alter",
    [
        lambda page: encoded(photographed(page), "JPEG", quality=70),
        lambda page: encoded(page.resize((540, page.height // 2)), "JPEG", quality=60),
        lambda page: png(page.point(lambda light: 255 - light)),
    ],
    ids=["photographed", "half the size", "white on black"],
)
def test_an_altered_picture_of_the_text_matches_too(hub, agent, alter):
    shared(hub, TEXTS["eng"])
    agent.wait(position=hub.head)
    (match,) = agent.match(alter(screenshot(TEXTS["eng"])))["matches"]
    assert (match["part"], match["match_percent"] >= 95) == (PICTURE_TEXT, True)


def test_an_excerpt_in_another_picture_names_the_words_that_are_shared(hub, agent):
    shared(hub, TEXTS["eng"])
    agent.wait(position=hub.head)
    quote = " ".join(TEXTS["eng"].split()[20:70])
    (match,) = agent.match(png(screenshot(f"{OTHER} {quote}")))["matches"]
    kind, words, *_ = match["transform"].split(", ")
    first = int(words.split()[1])
    assert kind in {"passage", "embedded", "excerpt"}
    assert first > len(OTHER.split())


def test_near_misses_do_not_match(hub, agent):
    shared(hub, TEXTS["eng"])
    agent.wait(position=hub.head)
    shuffled = " ".join(sorted(TEXTS["eng"].split()))
    for picture in (screenshot(OTHER), screenshot(shuffled), screenshot(TEXTS["nld"])):
        answer = agent.match(png(picture))
        assert answer["matches"] == []
        assert PICTURE_TEXT in {printed["part"] for printed in answer["fingerprints"]}


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
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


def test_a_text_that_takes_too_long_leaves_a_remark_and_the_other_fingerprints():
    page = png(screenshot(" ".join(TEXTS.values()) * 8, size_px=17, width=2000))
    with Sandbox(languages=LANGUAGES, limits=DecodingLimits(cpu_s=1, wall_s=600)) as sandbox:
        prints = sandbox.analyse(page, options=AnalysisOptions(text=True)).fingerprints
    assert {printed.kind for printed in prints.each} == {Kind.SHA256, Kind.MD5, Kind.PDQ}
    (remark,) = [remark for remark in prints.remarks if "its text was not read" in remark]
    assert remark.startswith("limit: ")
    assert prints.is_incomplete


def test_a_language_without_a_model_is_named_with_the_remedy():
    with (
        Sandbox(languages=("eng", "xyz")) as sandbox,
        pytest.raises(SandboxError, match=r"no model for xyz: apt install tesseract-ocr-xyz"),
    ):
        sandbox.check_reading()
