# SPDX-License-Identifier: Apache-2.0
"""Every page of the desk, as axe sees it: wide and narrow, light and dark, without motion."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.flows.test_board_in_browser import chromium  # noqa: F401  # the same browser
from tests.hub.desk.page_table import FIXED, PARTS

pytestmark = [pytest.mark.flow, pytest.mark.browser]

NOBODY = ""
OFFICER = "duty_officer@authority.example"
MANAGER = "administrator@authority.example"
COORDINATOR = "coordinator@agency.example"
PROVIDER = "duty_officer@provider.example"

PAGES = {
    NOBODY: ("sign-in", "invited", "receipt", "receipt-answer", "complain", "complain-code"),
    OFFICER: (
        *("board", "crises", "crisis-new", "crisis", "crisis-content", "cluster", "signal"),
        *("crisis-log", "crisis-lines", "crisis-timeline", "preview-send", "alerts", "drills"),
        *("drill", "deliveries", "leads", "lead", "report", "reports", "contacts", "preferences"),
        *("document-verify", "progress", "progress-orders"),
        "progress-yearly",
        "document-verify",
        *("referrals", "referral-new", "referral", "batches", "batch-new", "batch", "holds"),
        *("hold-new", "complaints", "redress"),
        *("orders", "order", "order-new", "order-draft", "order-inform"),
        *("rechecks", "recheck"),
        *("account_change_password", "account_reauthenticate", "crisis-report"),
    ),
    MANAGER: (
        "colleagues",
        "own-contacts",
        "contact",
        "contact-new",
        "look-counts",
        "search",
        "webhooks",
        "webhook",
    ),
    COORDINATOR: (
        *("board", "crisis", "crises", "look-new", "look", "lead-new", "lead", "deliveries"),
        *("exchanges", "exchange"),
        *("drills", "report", "you", "mfa_activate_totp", "mfa_add_webauthn"),
    ),
    PROVIDER: (
        *("board", "crisis", "lead-new", "leads", "crisis-log", "crisis-lines"),
        *("complaints", "complaint", "complaint-new", "complaint-link-new"),
        *("orders", "order", "order-answer", "order-inform"),
        *("inbox", "inbox-referral", "inbox-batch", "rechecks"),
    ),
}
"""Whose eyes see which page, by the names of addresses."""

MORE = ("/nowhere", "/search?q=livestream", "/deliveries?state=dead", "/people")
"""What else the officer meets: refusals, and pages with something asked of them."""

ELSEWHERE = {
    *("mfa_authenticate", "mfa_deactivate_totp", "mfa_generate_recovery_codes"),
    *("mfa_login_webauthn", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"),
    *("mfa_remove_webauthn", "mfa_view_recovery_codes", "openid_connect_login"),
    "openid_connect_callback",
}
"""Pages that need a second factor: test_sign_in_in_browser.py looks at them on the way."""

PIECES = {
    *("board-blocks", "board-stream", "crisis-stream", "crisis-blocks", "crisis-log-block"),
    *(
        "crisis-lines-block",
        "crisis-leads-block",
        "leads-block",
        "alerts-blocks",
        "alerts-bar",
        "drill-block",
    ),
    *("look-still", "report-pdf", "batch-file", "receipt-file"),
    *("orders-blocks", "order-blocks", "order-paper"),
    *("inbox-blocks", "inbox-batch-blocks"),
    *("inbox-referral-blocks", "referral-blocks", "rechecks-blocks"),
}
"""What is no page: blocks, which stand on pages above, streams, a picture, paper."""

ACTS = {
    *(
        "signal-withdraw",
        "signal-opinion",
        "signal-outlier",
        "crisis-act",
        "preview-destroy",
        "look-reveal",
    ),
    *("sign-out", "sitting-end", "colleague-act", "ladder", "contact-remove"),
    *("crisis-log-post", "crisis-log-pin", "crisis-lines-propose", "crisis-line-vote"),
    *("crisis-line-withdraw", "crisis-timeline-export", "crisis-report-open", "report-sections"),
    *("report-note", "report-action", "report-action-done", "report-agree", "report-publish"),
    *("lead-receive", "lead-pass-on", "lead-close", "alert-acknowledge", "delivery-retry"),
    *("delivery-drop", "drill-start", "referral-act", "hold-act", "receipt-renew"),
    *("complaint-act", "redress-act", "order-act", "progress-yearly-write"),
    *("exchange-act", "webhook-act", "webhook-again"),
    *("recheck-visit", "inbox-referral-act", "inbox-batch-act", "inbox-several"),
}
"""What only takes a form, and leads back to a page."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 320, "height": 700}
STREAM_LEFT = "[object Event]"
"""What htmx says of a stream that ends because its page is left."""


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
    known = pages | ELSEWHERE | PIECES | ACTS | {"account_login", "mfa_index", "mfa_list_webauthn"}
    assert set(names()) == known


class Eyes:
    """Somebody's browser, and what was wrong with what it showed."""

    def __init__(self, chromium, furnished, **how):  # noqa: F811  # not the fixture
        self.hub = furnished.hub.address
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
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()
        self.page.goto("/you/again")
        self.page.get_by_label("Password").fill(password)
        self.page.locator("main button[type=submit]").first.click()
        self.page.wait_for_load_state()

    def look(self, path):
        self.path = path
        self.page.goto(path)
        for one in Axe().run(self.page, options={"runOnly": RULES}).response["violations"]:
            nodes = [f"{node['target'][0]} {node['html'][:160]}" for node in one["nodes"][:3]]
            self.note(f"{one['id']}: {one['help']}: {nodes}")
        width = self.page.evaluate("document.documentElement.scrollWidth")
        if width > self.page.viewport_size["width"]:
            self.note(f"{width} wide")


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [
        pytest.param("dark", WIDE, id="dark and wide"),
        pytest.param("light", NARROW, id="light and narrow"),
    ],
)  # colours do not depend on the width: each of both is looked at once
def test_no_page_of_the_crisis_desk_shuts_anybody_out(chromium, furnished, scheme, viewport):  # noqa: F811  # pytest names fixtures so
    wrong = []
    for email, pages in PAGES.items():
        eyes = Eyes(chromium, furnished, color_scheme=scheme, viewport=viewport)
        if email:
            eyes.sign_in(email, furnished.password)
        paths = [where(name, furnished.parts) for name in pages]
        for path in [*paths, *(MORE if email == OFFICER else ())]:
            eyes.look(path)
        wrong += [f"{email} {at}: {one}" for at, each in eyes.wrong.items() for one in each]
        eyes.context.close()
    assert not wrong, "\n".join(wrong)
