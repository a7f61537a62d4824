# SPDX-License-Identifier: Apache-2.0
"""Count what a task at the desk takes: pages and steps, never seconds.

A step is a click or tap, a file dropped or pasted, a field typed in or chosen from, or a key that
types no word. The pages that a person loads are counted beside them, but not the first one.
"""

MOST = {
    "Share a picture into a crisis": (1, 2),
    "Undo it": (1, 1),
    "Raise a warning and activate it": (6, 25),
    "Refer a cluster to three providers": (6, 13),
    "Issue an order from a signal": (3, 9),
    "Answer an order on a phone": (3, 5),
    "Find an order by its number": (1, 3),
    "Hand over a shift": (1, 1),
    "Write the post-crisis report": (4, 6),
    "Add a party, its person and a key": (6, 20),
    "Withdraw a signal": (1, 2),
}
"""The most pages and steps that each task takes; docs/use/desk.md has the same table."""

BY_KEYBOARD = {
    "Share a picture into a crisis": (1, 2),
    "Undo it": (1, 1),
    "Raise a warning and activate it": (5, 45),
    "Refer a cluster to three providers": (6, 18),
    "Find an order by its number": (1, 3),
    "Withdraw a signal": (1, 5),
}
"""The same, with the keyboard alone."""


class Steps:
    """Somebody at a page, whose pages and steps are counted from `begin` on."""

    def __init__(self, page):
        self.page, self.pages, self.steps = page, 0, 0
        page.on("request", self._count_page)

    def _count_page(self, request):
        """Count a page that is asked for; one to which another leads is the same."""
        if request.is_navigation_request() and request.redirected_from is None:
            self.pages += request.frame == self.page.main_frame

    def begin(self, path):
        """Open the page on which a task begins."""
        self.page.goto(path)
        self.reset()

    def reset(self):
        """Begin another task on the same page."""
        self.pages = self.steps = 0

    def click(self, target):
        """Click or tap something, or tick it."""
        self.steps += 1
        target.click()

    def press_button(self, name):
        self.click(self.page.locator("main").get_by_role("button", name=name, exact=True))

    def follow(self, name):
        self.click(self.page.get_by_role("link", name=name).first)

    def fill(self, **fields):
        """Type into fields or choose from them, by their names; two underscores for a hyphen."""
        for name, value in fields.items():
            self.write(self.page.locator(f"main [name={name.replace('__', '-')}]"), value)

    def write(self, field, value):
        """Type into a field, or choose from a list."""
        self.steps += 1
        is_list = field.evaluate("element => element.matches('select')")
        field.select_option(value) if is_list else field.fill(value)

    def press(self, *keys):
        """Press keys; one in round brackets types a word into the field that has the focus."""
        for key in keys:
            self.steps += 1
            if key.startswith("("):
                self.page.keyboard.type(key[1:-1])
            else:
                self.page.keyboard.press(key)


def check(task, *people, most=None):
    """Check that people took no more pages and steps together than a task may."""
    pages, steps = (most or MOST)[task]
    taken = sum(person.pages for person in people), sum(person.steps for person in people)
    print(f"{task}: {taken[0]} pages, {taken[1]} steps")
    assert (taken[0] <= pages, taken[1] <= steps) == (True, True), (task, taken)
