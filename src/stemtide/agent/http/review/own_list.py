# SPDX-License-Identifier: Apache-2.0
"""Pages of the agent's own allow-list: search, add, end, put back, a file to take along."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time
from functools import partial

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from stemtide.agent.config.settings import Config
from stemtide.agent.http.review.access import SentForm
from stemtide.agent.http.review.pages import HEADERS, render
from stemtide.agent.http.review.views import ReviewViews, ReviewVisit, redirect
from stemtide.agent.recognise.own_list import (
    OwnListError,
    ReleasesError,
    add_entries,
    problem_of,
    read_file,
    restore_entry,
    write_file,
)
from stemtide.agent.review.account import file_digest
from stemtide.agent.review.decisions import utc
from stemtide.agent.store import own_list
from stemtide.agent.store.database import Store
from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.limits import ContentError, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.url.canonical import UrlError
from stemtide.fingerprints.url.reach import fingerprints_of_url
from stemtide.protocol.sync.allowlists import AllowEntryIn

FOLDER = "own-list"
_SHOWN = 50
_SHOWN_MATCHES = 20
_MAX_WORDS = 2000
_MIN_REASON, _MAX_REASON = 3, 300
_KINDS = {
    "sha256": "this very file (SHA-256)",
    "pdq": "a picture, and what looks like it (PDQ)",
    "url": "a web address",
    "md5": "this very file (MD5)",
}
_ADD_FIELDS = ("kind", "value", "within_bits", "reach", "source", "reason", "expires_on")


class OwnListPages:
    """Pages of the agent's own list. wake: called if an entry released earlier content."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        views: ReviewViews,
        sandbox: Sandbox,
        decoders: ThreadPoolExecutor,
        wake: Callable[[], None],
    ) -> None:
        self._config = config
        self._store = store
        self._views = views
        self._sandbox = sandbox
        self._decoders = decoders
        self._wake = wake

    # -- pages -----------------------------------------------------------------------------------

    async def entries(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/own-list: the entries, and forms to add some. ref: list this held content."""
        query = request.query_params
        page = query.get("page", "1")
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1  # noqa: PLR2004 - digits
        return await asyncio.to_thread(
            self._list,
            visit,
            words=query.get("q", "").strip()[:_MAX_WORDS],
            is_on=query.get("state") != "ended",
            number=max(1, number),
            form=self._form_for(query.get("ref", "")),
        )

    def _form_for(self, ref: str) -> dict[str, str]:
        """Return the fields of a form that lists the file of held content."""
        value = file_digest(self._store, ref) if ref else ""
        return {"kind": "sha256", "value": value} if value else {}

    def _list(
        self,
        visit: ReviewVisit,
        *,
        words: str = "",
        is_on: bool = True,
        number: int = 1,
        form: dict[str, str] | None = None,
        **more: object,
    ) -> Response:
        """Return the page. form: fields to fill in. more: errors, or a question, in its forms."""
        rows = own_list.find_entries(
            self._store.read,
            words=words,
            values=json.dumps(_values_of(words)),
            is_on=is_on,
            now=visit.now,
            limit=_SHOWN + 1,
            offset=(number - 1) * _SHOWN,
        )
        on, ended = own_list.count_entries(self._store.read, now=visit.now)
        values = {
            "rows": rows[:_SHOWN],
            "has_more": len(rows) > _SHOWN,
            "number": number,
            "words": words,
            "is_on": is_on,
            "on": on,
            "ended": ended,
            "form": dict.fromkeys(_ADD_FIELDS, "") | (form or {}),
            "is_open": bool(form),
            "add_error": "",
            "file_errors": (),
            "releases": 0,
            "file_releases": 0,
            "place": FOLDER,
            "kinds": _KINDS,
        }
        status = 400 if more else 200
        return render("own_list.html", self._views.values(visit) | values | more, status=status)

    async def entry(self, request: Request, visit: ReviewVisit) -> Response:
        """GET …/own-list/entry?id=: an entry, and the uploads that it matched lately."""
        uid = request.query_params.get("id", "")
        return await asyncio.to_thread(self._entry, visit, uid)

    def _entry(self, visit: ReviewVisit, uid: str, **more: object) -> Response:
        row = own_list.read_entry(self._store.read, uid)
        if row is None:
            self._views.note(visit, "There is no such entry.")
            return redirect(visit.address(FOLDER))
        values = {
            "row": row,
            "state": row.state(visit.now),
            "matches": own_list.matches_of(self._store.read, uid, limit=_SHOWN_MATCHES),
            "keep_days": self._config.keep_days,
            "releases": 0,
            "error": "",
            "place": FOLDER,
            "kinds": _KINDS,
        }
        status = 400 if more else 200
        page = self._views.values(visit) | values | more
        return render("own_entry.html", page, status=status)

    async def file(self, _request: Request, _visit: ReviewVisit) -> Response:
        """GET …/own-list/file: all entries that were not ended, as a file."""
        rows = await asyncio.to_thread(own_list.read_entries, self._store.read)
        content = await asyncio.to_thread(write_file, rows)
        name = {"Content-Disposition": 'attachment; filename="own-list.jsonl"'}
        return Response(content, media_type="application/jsonl", headers=HEADERS | name)

    # -- changes ---------------------------------------------------------------------------------

    async def add(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/own-list/add: add an entry by its value or by a file."""
        form = {name: visit.form.text(name).strip() for name in _ADD_FIELDS}
        again = partial(asyncio.to_thread, partial(self._list, visit, form=form))
        try:
            if blob := visit.form.files.get("file"):
                form["value"] = await self._value_of_file(blob, form["kind"])
            entries = [_entry_of(form)]
            return await self._add(visit, entries, replaces=True)
        except ValidationError as error:
            return await again(add_error=problem_of(error))
        except UrlError as error:
            return await again(add_error=f"value: {error}")
        except OwnListError as error:
            return await again(add_error=str(error))
        except ReleasesError as error:
            return await again(releases=error.number)

    async def import_file(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/own-list/import: add the entries of a file."""
        again = partial(asyncio.to_thread, partial(self._list, visit))
        try:
            entries = await asyncio.to_thread(read_file, visit.form.files.get("file", b""))
            return await self._add(visit, entries, replaces=False)
        except OwnListError as error:
            return await again(file_errors=error.problems)
        except ReleasesError as error:
            return await again(file_releases=error.number)

    async def _add(
        self, visit: ReviewVisit, entries: list[AllowEntryIn], *, replaces: bool
    ) -> Response:
        added = await asyncio.to_thread(
            add_entries,
            self._store,
            entries,
            by=visit.session.person,
            config=self._config,
            now=utc(visit.now),
            may_release=_may_release(visit.form),
            replaces=replaces,
        )
        if added.released:
            self._wake()
        text = f"Added to your own list: {len(added.rows)}."
        if added.existing:
            text += f" On it already, and left as they are: {added.existing}."
        await self._note(visit, text + _released(added.released))
        if len(added.rows) == 1 and not added.existing:
            return redirect(visit.address(f"{FOLDER}/entry", id=added.rows[0].id))
        return redirect(visit.address(FOLDER))

    async def end(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/own-list/end: take an entry off the list."""
        uid, why = visit.form.text("id"), " ".join(visit.form.text("reason").split())[:_MAX_REASON]
        if len(why) < _MIN_REASON:
            error = "Say why it ends, in at least three letters."
            return await asyncio.to_thread(self._entry, visit, uid, error=error)
        is_ended = await asyncio.to_thread(self._end, visit, uid, why)
        text = (
            "Ended. New uploads that it covered are acted on again."
            if is_ended
            else "It was not on the list any more."
        )
        await self._note(visit, text)
        return redirect(visit.address(f"{FOLDER}/entry", id=uid))

    def _end(self, visit: ReviewVisit, uid: str, why: str) -> bool:
        with self._store.write() as tx:
            person = visit.session.person
            return own_list.end_entry(tx, uid, by=person, why=why, now=utc(visit.now))

    async def restore(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/own-list/restore: put an entry back."""
        uid = visit.form.text("id")
        try:
            released = await asyncio.to_thread(
                restore_entry,
                self._store,
                uid,
                config=self._config,
                now=utc(visit.now),
                may_release=_may_release(visit.form),
            )
        except ReleasesError as error:
            return await asyncio.to_thread(self._entry, visit, uid, releases=error.number)
        if released:
            self._wake()
        text = (
            "Nothing was put back: it is on the list, or another entry has the same value."
            if released is None
            else f"Put back.{_released(released)}"
        )
        await self._note(visit, text)
        return redirect(visit.address(f"{FOLDER}/entry", id=uid))

    async def _note(self, visit: ReviewVisit, text: str) -> None:
        await asyncio.to_thread(self._views.note, visit, text)

    async def _value_of_file(self, blob: bytes, kind: str) -> str:
        """Return the fingerprint of a file. raises: OwnListError."""
        if kind in {Kind.SHA256, Kind.MD5}:
            return hashlib.new(kind, blob, usedforsecurity=False).hexdigest()
        if kind != Kind.PDQ:
            raise OwnListError("a web address has no file: enter the address, and choose no file")
        loop = asyncio.get_running_loop()
        try:
            prints = await loop.run_in_executor(self._decoders, self._sandbox.fingerprint, blob)
        except (ContentError, SandboxError) as error:
            raise OwnListError(f"the file cannot be read ({error})") from error
        pictures = [content for content in prints.of(Kind.PDQ) if not content.part]
        if len(pictures) != 1:
            raise OwnListError("the file is not one picture: list the file itself (SHA-256)")
        return pictures[0].hex


def _entry_of(form: dict[str, str]) -> AllowEntryIn:
    """Return an entry from a form. raises: ValidationError, OwnListError."""
    bits = form["within_bits"]
    if bits and not (bits.isascii() and bits.isdigit() and len(bits) < 4):  # noqa: PLR2004 - digits
        raise OwnListError("distance: write a number from 0 to 31, or leave it empty")
    is_picture, is_url = form["kind"] == Kind.PDQ, form["kind"] == Kind.URL
    return AllowEntryIn.model_validate(
        {
            "kind": form["kind"],
            "value": form["value"],
            "within_bits": int(bits) if bits and is_picture else None,
            "reach": (form["reach"] or None) if is_url else None,
            "source": form["source"],
            "reason": form["reason"],
            "expires_at": _end_of_day(form["expires_on"]) if form["expires_on"] else None,
        }
    )


def _end_of_day(text: str) -> datetime:
    """Return the end of a day (UTC). raises: OwnListError."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 - the day alone
    except ValueError as error:
        raise OwnListError("last day: write it as 2027-12-31") from error
    return datetime.combine(day.date(), time.max, UTC)


def _values_of(words: str) -> list[str]:
    """Return hex values that a search may mean: itself, and digests that cover an address."""
    values = [words.lower()]
    if "." in words or "/" in words:
        try:
            address = fingerprints_of_url(words)
        except UrlError:
            return values
        values += [content.hex for content in address.each if content.kind is Kind.URL]
        values += [view.value.hex() for view in address.views if view.kind is Kind.URL]
    return values


def _may_release(form: SentForm) -> bool:
    return form.text("may_release") == "1"


def _released(number: int) -> str:
    return f" Released, because it is on the list now: {number}." if number else ""
