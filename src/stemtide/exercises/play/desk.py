# SPDX-License-Identifier: Apache-2.0
"""Act at the desk as a person would: sign in, open a page, fill in its form and send it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Self

import httpx


class DeskError(Exception):
    """The desk did not take a form, or the page does not offer it."""


@dataclass(slots=True)
class DeskForm:
    """A form of a page. fields: its values if a person ticks its boxes and writes nothing."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class _FormParser(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[DeskForm] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a form, or add a field to the last one."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(DeskForm(values.get("action", "")))
        elif self.forms and values.get("name") and values.get("type") in {"hidden", "checkbox"}:
            self.forms[-1].fields[values["name"]] = values.get("value", "on")


class Desk:
    """The session of a person at the desk, open inside `with`."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def sign_in(self, email: str, password: str) -> None:
        """Sign in. raises: DeskError if the desk refuses."""
        self.send("/sign-in", "", username=email, password=password)

    def send(self, page: str, action: str, **texts: str) -> None:
        """Open a page and send the form with an action. texts: a person's entries in it.

        action: as the page names it; "" for a form that is sent to the page itself.

        raises: DeskError if the page has no such form, or shows it again with errors.
        """
        opened = self._http.get(page)
        if not opened.is_success:
            raise DeskError(f"the desk answered {opened.status_code} for {page}")
        parser = _FormParser()
        parser.feed(opened.text)
        forms = [form for form in parser.forms if form.action == action]
        if action == "":
            forms = [form for form in parser.forms if "csrfmiddlewaretoken" in form.fields]
        if not forms:
            raise DeskError(f"the page {page} does not offer {action}")
        sent = self._http.post(
            action or page,
            data={**forms[0].fields, **texts},
            headers={"Referer": str(opened.url)},
        )
        if not sent.is_redirect:
            raise DeskError(f"the desk answered {sent.status_code} for {action or page}")
