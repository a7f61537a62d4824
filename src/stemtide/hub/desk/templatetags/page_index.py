# SPDX-License-Identifier: Apache-2.0
"""The index of a long page, made of the headings that the page shows."""

import re

from django import template
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_HEADING = re.compile(
    r'<h[23]\b(?P<attributes>[^>]*\bid="(?P<id>[^"]+)"[^>]*)>(?P<text>.*?)</h[23]>', re.DOTALL
)
_IN_INDEX = re.compile(r'class="block__title"|\bdata-in-index\b')
_FEWEST = 2


@register.simple_block_tag
def indexed(content: str) -> SafeString:
    """Put links to the headings of a part of a page before it, if there are several.

    Headings are the titles of blocks, and those with `data-in-index`. They are escaped already.
    """
    headings = [
        (heading["id"], mark_safe(" ".join(strip_tags(heading["text"]).split())))  # noqa: S308  # of our templates
        for heading in _HEADING.finditer(content)
        if _IN_INDEX.search(heading["attributes"])
    ]
    if len(headings) < _FEWEST:
        return mark_safe(content)  # noqa: S308  # rendered by a template
    index = render_to_string("desk/_index.html", {"headings": headings})
    return mark_safe(index + content)  # noqa: S308  # rendered by templates
