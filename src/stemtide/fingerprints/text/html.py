# SPDX-License-Identifier: Apache-2.0
"""Extract the visible text of HTML, in time proportional to its length.

No tree is built. Parsers that build one take quadratic time on deep nesting or many attributes
(selectolax: 8.8 s for 1.1 MB of nested `div`), which would exceed a time limit; the end of a tag
and the elements that it hides can be found without one. Tokens end as in the HTML standard.

source: WHATWG HTML Standard, section 13.2.5 (tokenization) and 15.3.1 (hidden elements).
"""

import html
import re
from collections import Counter

_TAG = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"  # a comment
    r"|<[!?][^>]*+(?:>|\Z)"  # a doctype, or a bogus comment
    r"|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)"
    r"(?P<rest>(?:[^>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?+)*+)(?:>|\Z)",
    re.DOTALL,
)
_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "br", "button", "caption", "center",
        "dd", "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure",
        "footer", "form", "h", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html",
        "iframe", "img", "input", "legend", "li", "main", "menu", "nav", "ol", "optgroup",
        "option", "p", "pre", "script", "search", "section", "select", "style", "summary", "tab",
        "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "title", "tr", "ul", "video",
    }
)  # fmt: skip
"""Elements that separate the words before them from those after them."""

_UNSEEN_RAW = frozenset(
    {"script", "style", "iframe", "noscript", "noembed", "noframes", "template"}
)
"""Elements whose content is invisible, up to their end tag."""

_VOID = frozenset(
    {
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source",
        "track", "wbr",
    }
)  # fmt: skip
_ENDS_BY_ITSELF = frozenset({"p", "li", "dt", "dd", "td", "th", "tr", "option"})
"""Elements that may lack an end tag; here any block element that begins ends them."""

_QUOTED = re.compile(r"\"[^\"]*+\"|'[^']*+'")
_HIDDEN = re.compile(r"(?:^|\s)hidden(?:[\s/=]|\Z)")
_UNSEEN_STYLE = re.compile(
    r"display\s*+:\s*+none|visibility\s*+:\s*+(?:hidden|collapse)|font-size\s*+:\s*+0(?![.\d])"
)
_HIDDEN_WORDS = ("hidden", "none", "font-size", "collapse")
_ATTRIBUTES_CHARS = 4096


def text_of_html(page: str) -> str:
    """Return the text of a page, with a line break before each block element.

    Scripts, styles, comments and hidden elements are left out: they often hold words that only
    machines are meant to read.
    """
    return html.unescape("".join(_Reading(page).pieces()))


class _Reading:
    """One pass over one page.

    A hidden element ends with its own end tag or that of an element around it. One that never ends
    is included after all: otherwise one tag would hide the rest of a page from us, but from nobody
    else.
    """

    def __init__(self, page: str) -> None:
        self._page = page
        self._seen: list[str] = []
        self._unseen: list[str] = []
        self._hidden = ""  # the name of the hidden element that we are in
        self._open: Counter[str] = Counter()  # elements open in it, itself included

    def pieces(self) -> list[str]:
        at = 0
        while (tag := _TAG.search(self._page, at)) is not None:
            self._keep(self._page[at : tag.start()])
            at = self._pass(tag)
        self._keep(self._page[at:])
        return self._seen + self._unseen

    def _keep(self, text: str) -> None:
        (self._unseen if self._hidden else self._seen).append(text)

    def _pass(self, tag: re.Match[str]) -> int:
        """Process a tag. returns: where the text continues."""
        name, is_end = (tag["name"] or "").lower(), bool(tag["end"])
        is_block = name.rpartition(":")[2] in _BLOCKS
        if self._hidden:
            self._follow(name, is_end=is_end, is_block=is_block)
        if is_block:
            self._keep("\n")
        if is_end or not name:
            return tag.end()
        if not self._hidden and name not in _VOID and _is_hidden(tag["rest"]):
            self._hidden, self._open = name, Counter({name: 1})
        if name in _UNSEEN_RAW:
            return self._end_of(name, tag.end())
        return tag.end()

    def _follow(self, name: str, *, is_end: bool, is_block: bool) -> None:
        """Update the state of a hidden element for a tag inside it, and end it if the tag does."""
        if not is_end:
            is_over = is_block and self._hidden in _ENDS_BY_ITSELF
            self._open[name] += name not in _VOID
        else:
            self._open[name] -= 1
            is_over = self._open[name] < (name == self._hidden)
        if is_over:
            self._hidden = ""
            self._unseen.clear()

    def _end_of(self, name: str, at: int) -> int:
        end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(self._page, at)
        return end.start() if end else len(self._page)


def _is_hidden(attributes: str) -> bool:
    lowered = attributes[:_ATTRIBUTES_CHARS].lower()
    if not any(word in lowered for word in _HIDDEN_WORDS):
        return False
    if _HIDDEN.search(_QUOTED.sub("", lowered)):
        return True
    return "style" in lowered and _UNSEEN_STYLE.search(lowered) is not None
