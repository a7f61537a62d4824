# SPDX-License-Identifier: Apache-2.0
"""Every page of the desk, as axe sees it, and that none cuts content off.

`make test` looks at a page of each kind (QUICK). `make nightly` looks at all pages of a reader wide
and narrow, light and dark, in four languages, on a telephone, a tablet and a screen.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.hub.desk.page_table import FIXED, PARTS
from tests.rounds import rounds

pytestmark = [pytest.mark.flow, pytest.mark.browser]

NOBODY = ""
OFFICER = "duty_officer@authority.example"
MANAGER = "administrator@authority.example"
COORDINATOR = "coordinator@agency.example"
PROVIDER = "duty_officer@provider.example"

PAGES = {
    NOBODY: (
        "sign-in",
        "invited",
        "receipt",
        "receipt-answer",
        "complain",
        "complain-code",
        "transparency",
        "figures",
        "child-abuse",
    ),
    OFFICER: (
        *(
            *("to-do", "alert"),
            "board",
            "crises",
            "crisis-new",
            "crisis",
            "crisis-activation",
            "crisis-content",
            "crisis-event",
            "cluster",
            "signal",
        ),
        "crisis-hand-over",
        "crisis-tasks",
        "crisis-closing",
        *("crisis-log", "crisis-lines", "crisis-timeline", "preview-send", "alerts", "drills"),
        *(
            "drill",
            "deliveries",
            "leads",
            "lead",
            "report",
            "report-draft",
            "reports",
            "contacts",
            "preferences",
        ),
        *("document-verify", "progress", "progress-orders", "share", "share-done", "own-signals"),
        "signal-propagation",
        "progress-yearly",
        "document-verify",
        *("referrals", "referral-new", "referral", "batches", "batch-new", "batch", "holds"),
        *("hold-new", "complaints", "redress"),
        *("orders", "final-orders", "order", "order-new", "order-draft", "order-inform"),
        "order-enter",
        *("rechecks", "recheck"),
        *("account_change_password", "account_reauthenticate", "crisis-report"),
    ),
    MANAGER: (
        "colleagues",
        "own-contacts",
        "contact",
        "contact-new",
        "look-counts",
        *("retention", "retention-row"),
        *("rights-requests", "rights-request", "rights-request-new", "ledger"),
        "records",
        "search",
        "webhooks",
        "webhook",
        "webhook-new",
        "keys",
        "key-new",
        "key-replace",
        *("signing-keys", "signing-key-new"),
    ),
    COORDINATOR: (
        *("board", "crisis", "crises", "look-new", "look", "lead-new", "lead", "deliveries"),
        *("exercises", "exercise", "exercise-new"),
        *(
            "exchanges",
            "exchange",
            "exchange-new",
            "hub-settings",
            "parties",
            "party",
            "party-new",
            "allowlist",
            "propagation",
            "allow-entry",
        ),
        *("approvals", "approval", "dismissal"),
        *("drills", "report", "you", "mfa_activate_totp", "mfa_add_webauthn"),
    ),
    PROVIDER: (
        *("board", "crisis", "lead-new", "leads", "crisis-log", "crisis-lines"),
        *("complaints", "complaint", "complaint-new", "complaint-link-new"),
        *("orders", "order", "order-answer", "order-inform", "order-enter"),
        *("inbox", "inbox-referral", "inbox-batch", "rechecks", "to-do", "progress-dsa"),
        "exercise",
    ),
}
"""Whose eyes see which page, by the names of addresses."""

DIFFERENT = {"board", "crisis", "exercise", "order", "to-do"}
"""Pages of which each kind of reader sees another side."""

QUICK = {
    NOBODY: ("complain", "receipt", "transparency"),
    OFFICER: (
        *("to-do", "board", "crisis", "crisis-activation", "signal", "share"),
        *("order-draft", "orders", "report-draft"),
    ),
    PROVIDER: ("crisis", "order", "inbox-referral", "complaint-new"),
}
"""A room, a list, a form, a form of the law, a paper and figures; and what strangers see."""

MORE = ("/nowhere", "/search?q=livestream", "/deliveries?state=dead", "/people")
"""What else the officer meets: refusals, and pages with something asked of them."""

ELSEWHERE = {
    *("mfa_authenticate", "mfa_deactivate_totp", "mfa_generate_recovery_codes"),
    *("mfa_login_webauthn", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"),
    *("mfa_remove_webauthn", "mfa_view_recovery_codes", "openid_connect_login"),
    "openid_connect_callback",
    *("set-up", "set-up-link", "first-person", "openid-authorize"),
}
"""Pages that need a second factor, a hub or party without people, or an agent.

test_sign_in_in_browser.py, test_desk_first_run.py and test_review_sign_in.py look at them on the
way.
"""

PIECES = {
    *("board-blocks", "board-stream", "crisis-stream", "crisis-blocks", "crisis-log-block"),
    "crisis-log-suggestions",
    *(
        "crisis-lines-block",
        "crisis-leads-block",
        "leads-block",
        "alerts-blocks",
        "alerts-bar",
        "drill-block",
        "to-do-blocks",
        "exercise-blocks",
        "exercise-lesson",
    ),
    *("look-still", "report-pdf", "batch-file", "receipt-file", "exercise-file"),
    *("orders-blocks", "order-blocks", "order-paper", "order-document"),
    *("inbox-blocks", "inbox-batch-blocks"),
    *("inbox-referral-blocks", "referral-blocks", "rechecks-blocks"),
    *("search-quick", "openid-configuration", "openid-keys"),
}
"""What is no page: blocks, which stand on pages above, streams, a picture, paper."""

ACTS = {
    *(
        "share-undo",
        "retention-act",
        "rights-request-act",
        "ledger-export",
        "signals-selected",
        "signal-withdraw",
        "signal-act",
        "signal-outlier",
        "approval-act",
        "dismissal-act",
        "crisis-act",
        "crisis-event-enter",
        "crisis-task-move",
        "crisis-activation-save",
        "report-draft-again",
        "crisis-task-move",
        "own-name",
        "preview-destroy",
        "look-reveal",
    ),
    *("sign-out", "openid-token", "sitting-end", "colleague-act", "ladder", "contact-remove"),
    *("crisis-log-post", "crisis-log-pin", "crisis-lines-propose", "crisis-line-vote"),
    *("crisis-line-withdraw", "crisis-timeline-export", "crisis-report-open", "report-sections"),
    *("report-note", "report-action", "report-action-done", "report-agree", "report-publish"),
    *(
        "lead-receive",
        "lead-pass-on",
        "lead-close",
        "alert-act",
        "alert-acknowledge",
        "delivery-retry",
    ),
    *("delivery-drop", "drill-start", "referral-act", "hold-act", "receipt-renew"),
    *(
        "complaint-act",
        "redress-act",
        "order-act",
        "progress-yearly-write",
        "progress-yearly-finish",
    ),
    *(
        "hub-setting-act",
        "exchange-act",
        "exchange-withdrawal",
        "webhook-act",
        "webhook-again",
        "key-revoke",
        "signing-key-revoke",
        "party-act",
        "allow-entry-act",
        "exercise-act",
        "restore-confirm",
    ),
    *("progress-dsa-write", "progress-dsa-finish"),
    *("recheck-visit", "inbox-referral-act", "inbox-batch-act", "inbox-several"),
}
"""What only takes a form, and leads back to a page."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": RULES, "resultTypes": ["violations"]}
"""Without the second, axe also describes each node that is right, which takes half of its time."""

WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 320, "height": 700}
LANGUAGES = ("en", "nl", "fr", "de")
WIDTHS = (1440, 1280, 1024, 390)
HEIGHT = 900
STREAM_LEFT = "[object Event]"
"""What htmx says of a stream that ends because its page is left."""


CUT_OFF = """
() => {
  const wrong = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) wrong.push(`the page is ${root.scrollWidth} wide`);
  const bar = document.querySelector(".bar");
  if (bar && root.clientWidth > 1152 && bar.offsetHeight > 130)
    wrong.push(`the bar on top is ${bar.offsetHeight} high`);
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
  const canvas = document.createElement("canvas").getContext("2d");
  for (const select of document.querySelectorAll("select:not([multiple], [size])")) {
    if (!select.checkVisibility()) continue;
    const style = getComputedStyle(select);
    const [size, ...sides] = ["fontSize", "paddingLeft", "paddingRight"].map((property) =>
      parseFloat(style[property]),
    );
    const room = select.clientWidth - sides[0] - sides[1];
    const chosen = select.selectedIndex;
    canvas.font = style.font;
    for (const option of select.options) {
      if (canvas.measureText(option.text).width <= room) continue;
      option.selected = true;
      if (select.clientHeight < 3 * size) wrong.push(`${select.name} cuts off "${option.text}"`);
    }
    select.selectedIndex = chosen;
  }
  for (const heading of document.querySelectorAll("h1, h2, h3, th")) {
    if (heading.closest(".unseen") || heading.closest("thead, .block")?.offsetWidth <= 1) continue;
    if (!heading.checkVisibility()) continue;
    const lines = document.createRange();
    lines.selectNodeContents(heading);
    const rects = [...lines.getClientRects()].filter((rect) => rect.width);
    const count = new Set(rects.map((rect) => Math.round(rect.top))).size;
    const size = parseFloat(getComputedStyle(heading).fontSize);
    if (count > 2 && Math.max(...rects.map((rect) => rect.width)) < 2.5 * size)
      wrong.push(`${name(heading)} is squeezed: "${heading.textContent.trim()}"`);
  }
  for (const attribute of ["aria-describedby", "aria-labelledby"]) {
    for (const node of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of node.getAttribute(attribute).split(" ").filter(Boolean)) {
        if (!document.getElementById(id)) wrong.push(`${name(node)}: ${id} is nowhere`);
      }
    }
  }
  return wrong;
}
"""
"""What is cut off or squeezed on a page, also in a select with any of its options chosen, and what
refers to nothing. Keys must reach a box that scrolls.

source: WCAG 2.2, criteria 1.4.10 and 2.1.1.
"""


SCREENS = "document.documentElement.scrollHeight / innerHeight"
MOST_SCREENS = 3


def names():
    """The names of all addresses, and what stands in each."""
    from stemtide.hub.desk import urls

    return {one.name: set(one.pattern.converters) for one in urls.urlpatterns}


def where(name, parts):
    """The address of a page in the scene."""
    from django.urls import reverse

    given = {one: parts[part] for one, part in PARTS.get(name, {}).items()} | FIXED.get(name, {})
    if names()[name] - set(given) == {"uid"}:
        given["uid"] = parts["crisis"]
    return reverse(name, kwargs=given)


def test_every_page_is_looked_at():
    pages = {name for each in PAGES.values() for name in each}
    known = (
        pages
        | ELSEWHERE
        | PIECES
        | ACTS
        | {"account_login", "mfa_index", "mfa_list_webauthn", "stylesheet"}
    )
    assert set(names()) == known


class Eyes:
    """Somebody's browser, and what was wrong with what it showed."""

    def __init__(self, chromium, furnished, **how):
        self.hub = furnished.address
        self.context = chromium.new_context(base_url=self.hub, reduced_motion="reduce", **how)
        self.page = self.context.new_page()
        self.wrong, self.path = {}, ""
        self.page.on("pageerror", lambda error: self.note(f"error: {error}"))
        self.page.on("console", self._hear)

    def note(self, what):
        self.wrong.setdefault(self.path, []).append(what)

    def _hear(self, message):
        is_refusal = (
            message.type == "error" and "the server responded with a status of" in message.text
        )
        if not is_refusal and message.text != STREAM_LEFT:
            self.note(f"console: {message.text}")

    def sign_in(self, email, password):
        self.page.goto("/sign-in")
        self.page.get_by_label("Mail address").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.locator("#menu").wait_for(state="attached")
        self.page.goto("/you/again")
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.locator("main button[type=submit]").first.click()
        self.page.wait_for_load_state()

    def open(self, path):
        self.path = path
        self.page.goto(path)

    def look(self, path):
        """Open a page and note what axe sees wrong, and whether it is wider than the screen."""
        self.open(path)
        for one in Axe().run(self.page, options=OPTIONS).response["violations"]:
            nodes = [f"{node['target'][0]} {node['html'][:160]}" for node in one["nodes"][:3]]
            self.note(f"{one['id']}: {one['help']}: {nodes}")
        width = self.page.evaluate("document.documentElement.scrollWidth")
        if width > self.page.viewport_size["width"]:
            self.note(f"{width} wide")


def seen_first(email):
    """The pages of somebody that nobody before them in PAGES looks at, and the different ones."""
    people = list(PAGES)
    before = {name for one in people[: people.index(email)] for name in PAGES[one]}
    return [name for name in PAGES[email] if name in DIFFERENT or name not in before]


def faults(chromium, furnished, email, look, *, names=None, **how):
    """What is wrong with the pages of somebody. look: what looks at a page, in Eyes, at a path.

    names: of the pages; without them, all of this person's.
    """
    eyes = Eyes(chromium, furnished, **how)
    if email:
        eyes.sign_in(email, furnished.password)
    paths = dict.fromkeys(where(name, furnished.parts) for name in names or PAGES[email])
    more = rounds(MORE[:1], nightly=MORE) if email == OFFICER else ()
    for number, path in enumerate([*paths, *more]):
        look(eyes, path, number)
    eyes.context.close()
    return [f"{email} {at}: {fault}" for at, each in eyes.wrong.items() for fault in each]


def readers(emails):
    """Play a test as each of some people."""
    return pytest.mark.parametrize("email", emails, ids=[email or "nobody" for email in emails])


EVERYBODY = readers(PAGES)


@readers(rounds(QUICK, nightly=PAGES))
def test_pages_are_open_to_all_and_whole_on_a_small_screen_in_german(chromium, furnished, email):
    """The narrowest screens and the longest language in one visit; colours take turns."""

    def look(eyes, path, number):
        scheme = ("light", "dark")[number % 2]
        eyes.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        eyes.page.set_extra_http_headers({"Accept-Language": "de"})
        eyes.page.set_viewport_size(NARROW)
        eyes.look(path)
        for width in (1280, 1100, 390):
            eyes.page.set_viewport_size({"width": width, "height": HEIGHT})
            for fault in eyes.page.evaluate(CUT_OFF):
                eyes.note(f"{scheme} at {width}: {fault}")
        if eyes.page.evaluate(SCREENS) > MOST_SCREENS and not eyes.page.locator(".jumps").count():
            eyes.note("it is longer than three screens of a telephone, and has no index")

    pages = rounds(QUICK.get(email), nightly=seen_first(email))
    wrong = faults(chromium, furnished, email, look, names=pages, viewport=NARROW)
    assert not wrong, "\n".join(wrong)


@EVERYBODY
@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [
        pytest.param("dark", WIDE, id="dark and wide"),
        pytest.param("light", NARROW, id="light and narrow"),
    ],
)  # colours do not depend on the width: each of both is looked at once
def test_no_page_of_the_crisis_desk_shuts_anybody_out(chromium, furnished, email, scheme, viewport):
    how = {"color_scheme": scheme, "viewport": viewport}
    wrong = faults(chromium, furnished, email, lambda eyes, path, _: eyes.look(path), **how)
    assert not wrong, "\n".join(wrong)


@EVERYBODY
def test_no_page_cuts_content_off_in_any_language_at_any_width(chromium, furnished, email):
    """A page is asked for once in each language, and made narrower."""

    def look(eyes, path, _number):
        for language in LANGUAGES:
            eyes.page.set_extra_http_headers({"Accept-Language": language})
            eyes.page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
            eyes.open(path)
            for width in WIDTHS:
                eyes.page.set_viewport_size({"width": width, "height": HEIGHT})
                for fault in eyes.page.evaluate(CUT_OFF):
                    eyes.note(f"in {language} at {width}: {fault}")

    wrong = faults(chromium, furnished, email, look)
    assert not wrong, "\n".join(wrong)
