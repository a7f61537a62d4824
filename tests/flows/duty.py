# SPDX-License-Identifier: Apache-2.0
"""People on duty, each in a browser of their own, and how soon they see what the others do."""

import time
from statistics import median

from playwright.sync_api import expect

from stemtide.exercises import cast
from tests.flows.conftest import until

OFFICER = "duty_officer@be-crisis-centre.example"
SECOND = "coordinator@be-crisis-centre.example"
AGENCY = "duty@coordinator.example"
PROVIDER = "duty_officer@big-videos.example"

WATCH = """([selector, text]) => {
  window.seenAt = null;
  const look = () => {
    const found = [...document.querySelectorAll(selector)];
    const said = found.map((one) => one.textContent).join(" ").replace(/\\s+/g, " ");
    if (window.seenAt === null && said.includes(text)) window.seenAt = Date.now();
  };
  look();
  if (window.seenAt !== null) return false;
  window.watching = new MutationObserver(look);
  const what = {subtree: true, childList: true, characterData: true};
  window.watching.observe(document.body, what);
  return true;
}"""

# What a browser says of a stream that ended with its page, and of answers that a story asks for.
EXPECTED = ("[object Event]", "the server responded with a status of", "net::ERR_")


class Person:
    """Somebody signed in, in a browser context of their own, and what went wrong on the way."""

    def __init__(self, chromium, house, email, **how):
        self.house, self.email = house, email
        shape = {"viewport": {"width": 1440, "height": 1000}, "base_url": house.hub.address}
        self.context = chromium.new_context(**(shape | how))
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def _hear(self, message):
        if not any(one in message.text for one in EXPECTED):
            self.complaints.append(message.text)

    def sign_in(self):
        self.page.goto("/sign-in")
        # Chromium complains where a person is faster than the page's own focus.
        expect(self.page.get_by_label("Mail address")).to_be_focused()
        self.page.get_by_label("Mail address").fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(self.house.password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.locator("#menu")).to_be_attached()
        return self

    def goto(self, path):
        """Open a page; one that is live is waited for until it is."""
        answer = self.page.goto(path)
        if self.page.locator("#live").count():
            expect(self.page.locator("#live")).to_contain_class("live--on")
        return answer.status

    def says(self, selector, text):
        expect(self.page.locator(selector).first).to_contain_text(text)

    def fill_verb(self, verb, target="", **fields):
        """Open the form of an act, and fill it in; returns its button."""
        name = f"{verb}-{target}" if target else verb
        form = self.page.locator(f'[id="verb-{name}"]')
        if form.get_attribute("open") is None:
            form.locator("summary").click()
        for field, value in fields.items():
            fill(form.locator(f'[name="{name}-{field}"]'), value)
        return form.locator("button[type=submit]")

    def post(self, path, **fields):
        """Send a form past the page, as somebody who tampers would; returns the status."""
        cookies = {one["name"]: one["value"] for one in self.context.cookies()}
        token = self.page.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value")
        assert cookies
        sent = {"csrfmiddlewaretoken": token} | fields
        address = self.house.hub.address
        answer = self.context.request.post(
            f"{address}{path}", form=sent, headers={"Origin": address}, max_redirects=0
        )
        return answer.status


def fill(field, value):
    """Fill in one field, whatever it is."""
    kind = field.first.get_attribute("type")
    if kind in {"radio", "checkbox"}:
        field.page.locator(f'[name="{field.first.get_attribute("name")}"][value="{value}"]').check()
    elif field.first.evaluate("one => one.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)


class Duty:
    """Four people of three parties, and how long each act took until the others saw it."""

    def __init__(self, chromium, house):
        self.house = house
        self.figures = []
        self.officer, self.second, self.agency, self.provider = (
            Person(chromium, house, email).sign_in()
            for email in (OFFICER, SECOND, AGENCY, PROVIDER)
        )
        self.people = (self.officer, self.second, self.agency, self.provider)

    def act(self, what, do, *, seen_by, where, text):
        """Do something, and note how soon each of the others saw it, without a reload."""
        for one in seen_by:
            assert one.page.evaluate(WATCH, [where, text]), f"{one.email} saw {text!r} before"
        acted = time.time() * 1000
        do()
        for one in seen_by:
            seen = until(lambda one=one: one.page.evaluate("window.seenAt"))
            one.page.evaluate("window.watching.disconnect()")
            self.figures.append((what, one.email, seen - acted))

    def told(self):
        """The figures, as a table."""
        took = sorted(ms for _, _, ms in self.figures)
        lines = [f"{ms:8.0f} ms  {what}: {email}" for what, email, ms in self.figures]
        return "\n".join(
            [*lines, f"p50 {median(took):.0f} ms, max {took[-1]:.0f} ms, {len(took)} seen"]
        )

    def close(self):
        for one in self.people:
            one.context.close()


PARTY = cast.PROVIDERS[0]
