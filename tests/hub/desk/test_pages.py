# SPDX-License-Identifier: Apache-2.0
import gzip
import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string

from stemtide.hub import desk

TEMPLATES = sorted((Path(desk.__file__).parent / "templates").rglob("*.html"))
STYLES = sorted((Path(desk.__file__).parent / "static").rglob("*.css"))
POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " object-src 'none'"
)


@pytest.mark.parametrize("path", ["/", "/board/_blocks", "/signals/{}", "/sign-in", "/nowhere"])
def test_every_page_lets_nothing_in_but_what_is_ours(world, path):
    answer = world.desk("authority").get(path.format(world.share()))
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "no-store" in answer.headers["Cache-Control"]


def test_what_browsers_read_is_compressed_for_those_that_accept_it(world):
    desk_client = world.desk("authority")
    plain = desk_client.get("/")
    packed = desk_client.get("/", headers={"accept-encoding": "gzip"})
    machines = desk_client.get("/health", headers={"accept-encoding": "gzip"})
    assert "Content-Encoding" not in {**plain.headers, **machines.headers}
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "<main " in gzip.decompress(packed.content).decode()
    assert len(packed.content) * 2 < len(plain.content)


@pytest.mark.parametrize(
    ("path", "wanted", "encoding"),
    [
        ("/static/desk/desk.js", {}, "gzip"),
        ("/static/desk/desk.js", {"range": "bytes=0-9"}, None),
        ("/static/desk/mark.svg", {}, None),
    ],
)
def test_scripts_and_styles_are_compressed_and_nothing_else(client, path, wanted, encoding):
    answer = client.get(path, headers={"accept-encoding": "gzip", **wanted})
    content = answer.getvalue()
    answer.close()
    assert answer.headers.get("Content-Encoding") == encoding
    if encoding:
        file = Path(desk.__file__).parent / path.removeprefix("/")
        assert gzip.decompress(content) == file.read_bytes()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda one: one.name)
def test_a_template_holds_no_inline_style_or_script(path):
    source = path.read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", source)
    assert not re.search(r"<script(?![^>]*\ssrc=)", source)


@pytest.mark.parametrize("path", ["/", "/signals/{}", "/crises/{}", "/sign-in", "/nowhere"])
def test_every_page_has_its_landmarks_and_says_its_language(world, path):
    uid = world.crisis() if "crises" in path else world.share()
    client = world.desk("authority")
    if path == "/sign-in":
        client.logout()
    html = client.get(path.format(uid)).content.decode()
    assert '<html lang="en">' in html
    assert html.count("<main ") == html.count("<header ") == html.count("<footer ") == 1
    assert html.count("<h1") == 1
    assert 'class="skip" href="#content"' in html


def test_htmx_is_told_to_bring_no_style_and_no_script_of_its_own(world):
    html = world.desk("authority").get("/").content.decode()
    for setting in ("includeIndicatorStyles", "allowEval", "allowScriptTags"):
        assert f'"{setting}": false' in html


@pytest.mark.parametrize("name", ["403.html", "404.html", "409.html", "500.html", "403_csrf.html"])
def test_a_refusal_needs_no_request_to_be_shown(name):
    html = render_to_string(name)
    assert "To the board" in html
    assert "<main " in html


@pytest.mark.parametrize("path", STYLES, ids=lambda one: one.name)
def test_a_block_of_style_stays_small(path):
    assert path.read_text("utf-8").count("\n") <= 150


def test_colours_are_named_in_one_place():
    stray = {
        path.name: found
        for path in STYLES
        if path.name not in {"tokens.css", "mark.css"}
        and (found := re.findall(r"#[0-9a-f]{3,8}\b", path.read_text("utf-8")))
    }
    assert stray == {}


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def schemes():
    tokens = next(path for path in STYLES if path.name == "tokens.css").read_text("utf-8")
    light, dark = tokens.split("@media")
    named = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", one)) for one in (light, dark)]
    return {"light": named[0], "dark": named[0] | named[1]}


TEXT = [
    *(
        (ink, ground)
        for ink in ("ink", "ink-soft")
        for ground in ("ground", "sheet", "sheet-raised")
    ),
    *((ink, "sheet") for ink in ("accent", "good", "warn", "bad")),
    *((ink, f"{ink}-soft") for ink in ("good", "warn", "bad", "calm", "rehearsal")),
    *(("ink", "calm-soft"), ("ink-soft", "calm-soft"), ("on-accent", "accent")),
]
GRAPHICS = [(ink, "sheet") for ink in ("blocked", "held", "logged", "reversed", "field-line")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_is_readable_on_its_ground(scheme, ink, ground):
    """WCAG 2.2, criterion 1.4.3."""
    colours = schemes()[scheme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), GRAPHICS)
def test_drawings_and_fields_stand_out_from_their_ground(scheme, ink, ground):
    """WCAG 2.2, criterion 1.4.11."""
    colours = schemes()[scheme]
    assert contrast(colours[ink], colours[ground]) >= 3


def test_all_styles_come_as_one_file_that_browsers_keep(client):
    page = client.get("/sign-in").content.decode()
    (address,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page)
    rules = client.get(address)
    assert rules.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert rules.headers["Content-Type"] == "text/css; charset=utf-8"
    for path in STYLES:
        assert path.read_text("utf-8") in rules.content.decode(), path.name
    other = client.get("/styles/of-an-old-version.css")
    assert (other.content, other.headers["Cache-Control"]) == (rules.content, "no-store")
