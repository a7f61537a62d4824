# SPDX-License-Identifier: Apache-2.0
"""No page of the desk cuts content off: four languages, on a telephone, a tablet and a screen."""

import pytest

from tests.flows.test_board_in_browser import chromium  # noqa: F401  # the same browser
from tests.flows.test_crisis_access import NOBODY, PAGES, where

pytestmark = [pytest.mark.flow, pytest.mark.browser]

LANGUAGES = ("en", "nl", "fr", "de")
WIDTHS = (1440, 1024, 390)
HEIGHT = 900

CUT_OFF = """
() => {
  const wrong = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) wrong.push(`the page is ${root.scrollWidth} wide`);
  const name = (node) => `${node.tagName.toLowerCase()}.${node.className}`;
  for (const node of document.body.querySelectorAll("*")) {
    if (node.scrollWidth <= node.clientWidth + 1 || !node.clientWidth) continue;
    if (node.closest(".unseen, [hidden]")) continue;
    const style = getComputedStyle(node);
    const words = node.textContent.trim().slice(0, 60);
    if (["hidden", "clip"].includes(style.overflowX)) {
      if (style.position === "absolute" && node.clientWidth <= 1) continue;
      wrong.push(`${name(node)} cuts off "${words}"`);
    } else if (["auto", "scroll"].includes(style.overflowX)) {
      const isReached = node.tabIndex >= 0 || node.querySelector("a, button, input, select");
      if (!isReached) wrong.push(`${name(node)} scrolls, and no key reaches it: "${words}"`);
    }
  }
  return wrong;
}
"""
"""What is cut off on a page. A box that scrolls must be reached by keyboard.

source: WCAG 2.2, criteria 1.4.10 and 2.1.1.
"""


def signed_in(browser, furnished, email):
    """A page of somebody's own, or of nobody's."""
    context = browser.new_context(
        base_url=furnished.hub.address,
        viewport={"width": WIDTHS[0], "height": HEIGHT},
        reduced_motion="reduce",
    )
    page = context.new_page()
    if email != NOBODY:
        page.goto("/sign-in")
        page.get_by_label("Mail address").fill(email)
        page.get_by_label("Password").fill(furnished.password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("button", name="Sign out").wait_for()
    return page


def cut_off(page, path, language):
    """What each width cuts off of a page: it is asked for once, and made narrower."""
    page.set_extra_http_headers({"Accept-Language": language})
    page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
    page.goto(path, wait_until="load")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        for wrong in page.evaluate(CUT_OFF):
            yield f"{path} in {language} at {width}: {wrong}"


@pytest.mark.parametrize("email", PAGES, ids=[email or "nobody" for email in PAGES])
def test_no_page_cuts_content_off(chromium, furnished, email):  # noqa: F811  # pytest names fixtures so
    page = signed_in(chromium, furnished, email)
    paths = dict.fromkeys(where(name, furnished.parts) for name in PAGES[email])
    wrong = [
        line for path in paths for language in LANGUAGES for line in cut_off(page, path, language)
    ]
    page.context.close()
    assert not wrong, "\n".join(wrong)
