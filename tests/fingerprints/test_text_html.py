# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import given, settings, strategies as st

from stemtide.fingerprints.text.html import text_of_html
from tests.rounds import rounds


def seen(page):
    return " ".join(text_of_html(page).split())


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>mani<b>fest</b>o</p>", "manifesto"),
        ("one<br>two<p>three<td>four", "one two three four"),
        ("<w:p><w:r>One</w:r></w:p><w:p>Two</w:p>", "One Two"),
        ("a &lt;b&gt; &amp; &#65;&#x42;&nbsp;c", "a <b> & AB c"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<!doctype html><title>T</title>x", "T x"),
        ("x<!-- <p>no</p> -->y<!-->z<!--->!", "xyz!"),
        ('<img alt="a>b" title=\'>\'>x', "x"),
        ("<a href=a>b</a>", "b"),
        ("<script>var a = '<p>no</p>';</script>x<style>p{}</style>y", "x y"),
        ("<SCRIPT>no</scripty>no</Script >x", "x"),
        ("<script>never closed", ""),
        ('<p title="never closed>seen', "seen"),
        ("<template>no</template><noscript>no</noscript>x", "x"),
        ("<div hidden>no<div>no</div>no</div>x", "x"),
        ("<span style='color:red; display : none'>no</span>x", "x"),
        ("<i style='FONT-SIZE:0px'>no</i>x<i style='font-size:0.9em'>y</i>", "xy"),
        ("<i style=visibility:hidden>no</i>x", "x"),
        ("<p class='hidden md:block'>x", "x"),
        ("<p data-hidden=1 title='hidden'>x", "x"),
    ],
)  # fmt: skip
def test_the_text_of_a_page_is_what_a_person_sees(page, text):
    assert seen(page) == text


@pytest.mark.parametrize(
    "page",
    [
        "<div hidden>first words",
        "<p hidden>no<p>first words",
        "<p hidden>no<div>first words</div>",
        "<div><span hidden>no</div>first words",
        "<div><span hidden>no<i>no</div>first words</span>",
        "<li hidden>no<li>first words",
    ],
)
def test_a_hidden_element_hides_nothing_after_it(page):
    assert seen(page) == "first words"


HOSTILE = {
    "nested": "<div>" * 200_000,
    "hidden in hidden": "<div hidden>" * 100_000,
    "open quotes": '<a href="x' * 100_000,
    "quotes of both kinds": "<a b='<a b=\"" * 80_000,
    "many attributes": "<p " + "a=1 " * 250_000 + ">",
    "styles": "<x " + "style=" * 150_000 + ">",
    "spaces in a style": "<p style='display" + " " * 10**6 + "'>",
    "no tag at all": "<" * 10**6,
    "comments": "<!--" * 250_000,
    "half comments": "<!--" + "-!" * 500_000,
    "scripts": "<script>" * 120_000,
    "ends of scripts": "<script></scrip" * 60_000,
    "references": "&#" * 500_000,
    "names of references": "&" + "a" * 10**6 + "&amp" * 200_000,
    "ends": "</" * 500_000,
    "spaces after equals": "<p a=" + " " * 10**6,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_takes_time_in_proportion_to_its_length(name):
    began = time.process_time()
    text_of_html(HOSTILE[name])
    assert time.process_time() - began < 3


PIECES = ["<", ">", "/", "p", "div", " hidden", "='", '="', "'", '"', "!", "--", "script", "&", ";"]


@given(page=st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@settings(max_examples=rounds(62, nightly=500), deadline=None)
def test_no_page_makes_it_raise_or_grow(page):
    assert len(text_of_html(page)) <= 2 * len(page)
