# SPDX-License-Identifier: Apache-2.0
"""The index of a long page: links to the headings that it shows."""

import re

import pytest
from django.template import Context, Template

from tests.rounds import at_night

PAGE = """{% load page_index %}{% indexed %}
<h2 class="block__title" id="facts">Facts <span>of {{ name }}</span></h2>
<h3 class="alert__title" id="first" data-in-index>First</h3><h3 id="other">Other</h3>
{% if more %}<h2 class="block__title" id="more">More</h2>{% endif %}
{% endindexed %}"""


def links(**context):
    html = Template(PAGE).render(Context(context))
    return re.findall(r'<a href="#([^"]+)">([^<]*)</a>', html)


def test_the_index_has_the_headings_that_are_shown_in_their_order():
    assert links(more=False) == [("facts", "Facts of"), ("first", "First")]
    assert [name for name, _ in links(more=True)] == ["facts", "first", "more"]


def test_a_heading_stays_escaped():
    html = Template(PAGE).render(Context({"name": "<script>"}))
    assert html.count("&lt;script&gt;") == 2
    assert "<script>" not in html


def test_one_heading_needs_no_index():
    page = (
        '{% load page_index %}{% indexed %}<h2 class="block__title" id="a">A</h2>{% endindexed %}'
    )
    assert Template(page).render(Context()) == '<h2 class="block__title" id="a">A</h2>'


@at_night
@pytest.mark.django_db
def test_each_link_of_a_signals_index_leads_to_a_heading(world):
    html = world.desk("authority").get(f"/signals/{world.share()}").content.decode()
    index = html[html.index('<nav class="jumps"') :]
    targets = re.findall(r'href="#([^"]+)"', index[: index.index("</nav>")])
    assert {"facts-title", "handling-title", "withdraw-title"} <= set(targets)
    assert all(f'id="{target}"' in html for target in targets)
