# SPDX-License-Identifier: Apache-2.0
"""Page of all own banks: create, change, delete, put back. The items of one: own_list.py."""

import asyncio
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from stemtide.agent.config.settings import Config
from stemtide.agent.http.review.access import SentForm
from stemtide.agent.http.review.own_list import BANKS, FOLDER
from stemtide.agent.http.review.pages import render
from stemtide.agent.http.review.views import ReviewViews, ReviewVisit, redirect
from stemtide.agent.recognise import own_banks
from stemtide.agent.recognise.own_list import OwnListError
from stemtide.agent.review.decisions import utc
from stemtide.agent.store.database import Store
from stemtide.agent.store.own_banks import ACTED_ITEMS, ACTIONS, read_bank, read_banks
from stemtide.agent.store.switched_off import read_switches
from stemtide.agent.sync import switches
from stemtide.protocol.enums import Action

_PERCENT = 100
_FIELDS = ("name", "action", "percent", "about")


class BankPages:
    """Pages of all own banks. wake: called if actions may have changed."""

    def __init__(
        self, *, config: Config, store: Store, views: ReviewViews, wake: Callable[[], None]
    ) -> None:
        self._config = config
        self._store = store
        self._views = views
        self._wake = wake

    async def banks(self, _request: Request, visit: ReviewVisit) -> Response:
        """GET …/banks: the banks, and a form to create one."""
        return await asyncio.to_thread(self._banks, visit)

    def _banks(
        self, visit: ReviewVisit, *, form: dict[str, str] | None = None, error: str = ""
    ) -> Response:
        values = {
            "banks": read_banks(self._store.read),
            "switched_off": read_switches(self._store.read),
            "deleted": read_banks(self._store.read, is_on=False),
            "actions": ACTIONS,
            "form": {"name": "", "action": Action.HOLD, "percent": "100", "about": ""}
            | (form or {}),
            "error": error,
            "keep_days": self._config.keep_days,
            "place": BANKS,
        }
        status = 400 if error else 200
        return render("banks.html", self._views.values(visit) | values, status=status)

    async def create(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/banks/create: create a bank, and open it."""
        form = {name: visit.form.text(name).strip() for name in _FIELDS}
        try:
            await asyncio.to_thread(self._create, visit, form)
        except OwnListError as error:
            return await asyncio.to_thread(self._banks, visit, form=form, error=str(error))
        return redirect(visit.address(FOLDER, bank=form["name"]))

    def _create(self, visit: ReviewVisit, form: dict[str, str]) -> None:
        own_banks.create_bank(
            self._store,
            form["name"],
            action=_action(form["action"]),
            ratio=_ratio(form["percent"]),
            about=form["about"],
            by=visit.session.person,
            config=self._config,
            now=utc(visit.now),
        )
        self._views.note(visit, "Created. Add content below.")

    async def change(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/banks/change: change the action, the share or the description of a bank."""
        name = visit.form.text("bank")
        try:
            await asyncio.to_thread(self._change, name, visit.form)
        except OwnListError as error:
            return await asyncio.to_thread(self._change_page, visit, name, str(error))
        await asyncio.to_thread(self._views.note, visit, "Changed. It holds for new uploads.")
        return redirect(visit.address(FOLDER, bank=name))

    def _change(self, name: str, form: SentForm) -> None:
        own_banks.change_bank(
            self._store,
            name,
            action=_action(form.text("action")),
            ratio=_ratio(form.text("percent").strip()),
            about=form.text("about").strip(),
        )

    async def edit(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/banks/bank?bank=: the settings of a bank, and its deletion."""
        name = request.query_params.get("bank", "")
        return await asyncio.to_thread(self._change_page, visit, name, "")

    def _change_page(self, visit: ReviewVisit, name: str, error: str) -> Response:
        row = read_bank(self._store.read, name)
        if row is None or row.ended_at is not None:
            self._views.note(visit, "There is no such bank.")
            return redirect(visit.address(BANKS))
        percent = f"{_PERCENT * row.ratio:g}"
        form = {"action": row.action, "percent": percent, "about": row.about}
        if error:
            form = {field: visit.form.text(field).strip() for field in form}
        values = {
            "bank": row,
            "stopping": len(self._store.read(ACTED_ITEMS, (name,))),
            "actions": ACTIONS,
            "form": form,
            "error": error,
            "keep_days": self._config.keep_days,
            "place": BANKS,
        }
        status = 400 if error else 200
        return render("bank.html", self._views.values(visit) | values, status=status)

    async def delete(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/banks/delete: delete a bank with its items."""
        name = visit.form.text("bank")
        changed = await asyncio.to_thread(
            switches.end_bank,
            self._store,
            name,
            by=visit.session.person,
            config=self._config,
            now=utc(visit.now),
            releases=visit.form.text("may_release") == "1",
        )
        self._wake()
        text = "There is no such bank." if changed is None else f"{name} is deleted."
        if changed:
            text += f" Released: {changed}."
        await asyncio.to_thread(self._views.note, visit, text)
        return redirect(visit.address(BANKS))

    async def restore(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/banks/restore: put a deleted bank back with its items."""
        name = visit.form.text("bank")
        is_restored = await asyncio.to_thread(own_banks.restore_bank, self._store, name)
        text = f"{name} is back, with its items." if is_restored else "It was not deleted."
        await asyncio.to_thread(self._views.note, visit, text)
        return redirect(visit.address(BANKS))


def _action(text: str) -> Action:
    """Return an action. raises: OwnListError."""
    if text not in set(ACTIONS):
        raise OwnListError("action: choose one")
    return Action(text)


def _ratio(text: str) -> float:
    """Return a share from a number of percent. raises: OwnListError."""
    try:
        percent = float(text.removesuffix("%") or "100")
    except ValueError as error:
        raise OwnListError("share of uploads: write a number from 0 to 100") from error
    if not 0 <= percent <= _PERCENT:
        raise OwnListError("share of uploads: write a number from 0 to 100")
    return percent / _PERCENT
