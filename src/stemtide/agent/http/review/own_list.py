# SPDX-License-Identifier: Apache-2.0
"""Pages of one own list, the allow-list or a bank: search, add, change, end, put back, files."""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, time
from functools import partial

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from stemtide.agent.config.settings import Config
from stemtide.agent.http.review.access import SentForm
from stemtide.agent.http.review.pages import HEADERS, render
from stemtide.agent.http.review.views import ReviewViews, ReviewVisit, redirect
from stemtide.agent.recognise import own_banks
from stemtide.agent.recognise.own_banks import BankItemIn, NewItem
from stemtide.agent.recognise.own_list import (
    OwnListError,
    ReleasesError,
    add_entries,
    change_entry,
    read_file,
    restore_entry,
    write_file,
)
from stemtide.agent.review.account import count_stopped, file_digest
from stemtide.agent.review.decisions import utc
from stemtide.agent.store import own_banks as bank_rows, own_list
from stemtide.agent.store.database import Store
from stemtide.agent.sync import switches
from stemtide.fingerprints.analysis import AnalysisOptions
from stemtide.fingerprints.kinds import MATCH_WITHIN_BITS, Fingerprints, Kind
from stemtide.fingerprints.limits import ContentError, SandboxError
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.url.canonical import UrlError
from stemtide.protocol.sync.allowlists import AllowEntryIn
from stemtide.protocol.validation import field_problems, summary

FOLDER, BANKS = "own-list", "banks"
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
_FILE = "file"
_BANK_KINDS = {
    _FILE: "a file, and copies of it",
    **_KINDS,
}
_SHOWN_KINDS = _KINDS | {
    "video": "a film (video)",
    "audio": "a sound (audio)",
    "text": "a text",
    "gop": "a film, by how it was encoded (gop)",
    "external": "by a signal type of another package (external)",
}
_ADD_FIELDS = ("kind", "value", "within_bits", "reach", "source", "reason", "expires_on")


class OwnListPages:
    """Pages of an own list. wake: called if an entry released earlier content."""

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
            bank=query.get("bank", ""),
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
        bank: str = "",
        **more: object,
    ) -> Response:
        """Return the page of the allow-list, or of a bank.

        form: fields to fill in. more: errors, or a question, in its forms.
        """
        row = bank_rows.read_bank(self._store.read, bank) if bank else None
        if bank and (row is None or row.ended_at is not None):
            self._views.note(visit, "There is no such bank.")
            return redirect(visit.address(BANKS))
        rows = own_list.find_entries(
            self._store.read,
            words=words,
            values=own_list.values_of_words(words),
            is_on=is_on,
            now=visit.now,
            limit=_SHOWN + 1,
            offset=(number - 1) * _SHOWN,
            bank=bank,
        )
        on, ended = own_list.count_entries(self._store.read, now=visit.now, bank=bank)
        values = {
            "bank": row,
            "here": partial(visit.address, FOLDER, **_of(bank)),
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
            "place": BANKS if bank else FOLDER,
            "kinds": _SHOWN_KINDS,
            "choices": _BANK_KINDS if bank else _KINDS,
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
            "here": partial(visit.address, FOLDER, **_of(row.bank)),
            "state": row.state(visit.now),
            "stopped": count_stopped(self._store, uid) if row.bank else 0,
            "prints": bank_rows.prints_of(self._store.read, uid) if row.bank else [],
            "last_day": _last_day(row.expires_at),
            "change_error": "",
            "matches": own_list.matches_of(self._store.read, uid, limit=_SHOWN_MATCHES),
            "keep_days": self._config.keep_days,
            "releases": 0,
            "error": "",
            "place": BANKS if row.bank else FOLDER,
            "kinds": _SHOWN_KINDS,
        }
        status = 400 if more else 200
        page = self._views.values(visit) | values | more
        return render("own_entry.html", page, status=status)

    async def file(self, request: Request, _visit: ReviewVisit) -> Response:
        """GET …/own-list/file: all entries that were not ended, as a file."""
        bank = request.query_params.get("bank", "")
        content = await asyncio.to_thread(self._file, bank)
        file = bank if bank.isascii() and bank.replace("_", "").isalnum() else "own-list"
        name = {"Content-Disposition": f'attachment; filename="{file}.jsonl"'}
        return Response(content, media_type="application/jsonl", headers=HEADERS | name)

    def _file(self, bank: str) -> str:
        if bank:
            return own_banks.write_file(self._store, bank)
        return write_file(own_list.read_entries(self._store.read))

    # -- changes ---------------------------------------------------------------------------------

    async def add(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/own-list/add: add an entry by its value or by a file."""
        form = {name: visit.form.text(name).strip() for name in _ADD_FIELDS}
        bank = visit.form.text("bank")
        again = partial(asyncio.to_thread, partial(self._list, visit, form=form, bank=bank))
        try:
            if bank:
                items = [await self._item_of(visit, form)]
                return await self._add_items(visit, bank, items, replaces=True)
            if blob := visit.form.files.get("file"):
                form["value"] = await self._value_of_file(blob, form["kind"])
            entries = [_entry_of(form)]
            return await self._add(visit, entries, replaces=True)
        except ValidationError as error:
            return await again(add_error=summary(field_problems(error)))
        except UrlError as error:
            return await again(add_error=f"value: {error}")
        except OwnListError as error:
            return await again(add_error=str(error))
        except ReleasesError as error:
            return await again(releases=error.number)

    async def import_file(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/own-list/import: add the entries of a file."""
        bank = visit.form.text("bank")
        again = partial(asyncio.to_thread, partial(self._list, visit, bank=bank))
        try:
            if bank:
                content = visit.form.files.get("file", b"")
                items = await asyncio.to_thread(own_banks.read_file, content)
                return await self._add_items(visit, bank, items, replaces=False)
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
        text = f"Added to your own list: {len(added.rows)}.{_existing(added.existing)}"
        await self._note(visit, text + _released(added.released))
        if len(added.rows) == 1 and not added.existing:
            return redirect(visit.address(f"{FOLDER}/entry", id=added.rows[0].id))
        return redirect(visit.address(FOLDER))

    async def _add_items(
        self, visit: ReviewVisit, bank: str, items: list[NewItem], *, replaces: bool
    ) -> Response:
        added = await asyncio.to_thread(
            own_banks.add_items,
            self._store,
            bank,
            items,
            by=visit.session.person,
            now=utc(visit.now),
            replaces=replaces,
        )
        text = f"Added to {bank}: {len(added.ids)}.{_existing(added.existing)}"
        await self._note(visit, text)
        if len(added.ids) == 1 and not added.existing:
            return redirect(visit.address(f"{FOLDER}/entry", id=added.ids[0]))
        return redirect(visit.address(FOLDER, bank=bank))

    async def _item_of(self, visit: ReviewVisit, form: dict[str, str]) -> NewItem:
        """Return the item that a form describes. raises: ValidationError, OwnListError."""
        blob = visit.form.files.get("file")
        facts = {name: form[name] for name in ("reason", "source")}
        expires_at = _end_of_day(form["expires_on"]) if form["expires_on"] else None
        bits = _bits(form["within_bits"])
        if form["kind"] == _FILE:
            if not blob:
                raise OwnListError("file: choose one, or choose what the value below is")
            prints = await self._analyse(blob)
            return own_banks.item_of_file(prints, within_bits=bits, expires_at=expires_at, **facts)
        value = await self._value_of_file(blob, form["kind"]) if blob else form["value"]
        is_picture, is_url = form["kind"] == Kind.PDQ, form["kind"] == Kind.URL
        fields = {
            "kind": form["kind"],
            "value": value,
            "within_bits": bits if is_picture else None,
            "reach": (form["reach"] or None) if is_url else None,
            "expires_at": expires_at,
        }
        return own_banks.item_of(BankItemIn.model_validate(fields | facts))

    async def change(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/own-list/change: change the description of an entry, and its last day."""
        uid, form = visit.form.text("id"), visit.form
        try:
            day = form.text("expires_on").strip()
            is_there = await asyncio.to_thread(
                change_entry,
                self._store,
                uid,
                reason=form.text("reason").strip(),
                source=form.text("source").strip(),
                expires_at=_end_of_day(day) if day else None,
            )
        except OwnListError as error:
            return await asyncio.to_thread(self._entry, visit, uid, change_error=str(error))
        await self._note(visit, "Changed." if is_there else "It was not on the list any more.")
        return redirect(visit.address(f"{FOLDER}/entry", id=uid))

    async def end(self, _request: Request, visit: ReviewVisit) -> Response:
        """POST …/own-list/end: take an entry off the list."""
        uid, why = visit.form.text("id"), " ".join(visit.form.text("reason").split())[:_MAX_REASON]
        if len(why) < _MIN_REASON:
            error = "Say why it ends, in at least three letters."
            return await asyncio.to_thread(self._entry, visit, uid, error=error)
        is_ended = await asyncio.to_thread(self._end, visit, uid, why)
        self._wake()
        await self._note(visit, is_ended or "It was not on the list any more.")
        return redirect(visit.address(f"{FOLDER}/entry", id=uid))

    def _end(self, visit: ReviewVisit, uid: str, why: str) -> str:
        """Take an entry off its list; return the consequences in words, or "" for no entry."""
        row = own_list.read_entry(self._store.read, uid)
        person, now = visit.session.person, utc(visit.now)
        if row and row.bank:
            changed = switches.end_item(
                self._store,
                row.bank,
                uid,
                by=person,
                why=why,
                config=self._config,
                now=now,
                releases=_may_release(visit.form),
            )
            done = f"Ended. It matches no new uploads.{_released(changed or 0, 'it ended')}"
            return "" if changed is None else done
        with self._store.write() as tx:
            is_ended = own_list.end_entry(tx, uid, by=person, why=why, now=now)
        return "Ended. New uploads that it covered are acted on again." if is_ended else ""

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
        except OwnListError as error:
            return await asyncio.to_thread(self._entry, visit, uid, error=str(error))
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
        prints = await self._analyse(blob)
        pictures = [content for content in prints.of(Kind.PDQ) if not content.part]
        if len(pictures) != 1:
            raise OwnListError("the file is not one picture: list the file itself (SHA-256)")
        return pictures[0].hex

    async def _analyse(self, blob: bytes) -> Fingerprints:
        """Return the fingerprints of a file. raises: OwnListError."""
        loop = asyncio.get_running_loop()
        options = AnalysisOptions(local=self._config.local_features)
        look = partial(self._sandbox.analyse, blob, options=options)
        try:
            analysis = await loop.run_in_executor(self._decoders, look)
            return replace(analysis.fingerprints, local=analysis.local)
        except (ContentError, SandboxError) as error:
            raise OwnListError(f"the file cannot be read ({error})") from error


def _entry_of(form: dict[str, str]) -> AllowEntryIn:
    """Return an entry from a form. raises: ValidationError, OwnListError."""
    bits = _bits(form["within_bits"])
    is_picture, is_url = form["kind"] == Kind.PDQ, form["kind"] == Kind.URL
    return AllowEntryIn.model_validate(
        {
            "kind": form["kind"],
            "value": form["value"],
            "within_bits": bits if is_picture else None,
            "reach": (form["reach"] or None) if is_url else None,
            "source": form["source"],
            "reason": form["reason"],
            "expires_at": _end_of_day(form["expires_on"]) if form["expires_on"] else None,
        }
    )


def _bits(text: str) -> int | None:
    """Return a distance; None for none. raises: OwnListError."""
    if text and not (text.isascii() and text.isdigit() and int(text[:3]) <= MATCH_WITHIN_BITS):
        raise OwnListError("distance: write a number from 0 to 31, or leave it empty")
    return int(text) if text else None


def _of(bank: str) -> dict[str, str]:
    """Return the part of an address that names a bank."""
    return {"bank": bank} if bank else {}


def _end_of_day(text: str) -> datetime:
    """Return the end of a day (UTC). raises: OwnListError."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007 - the day alone
    except ValueError as error:
        raise OwnListError("last day: write it as 2027-12-31") from error
    return datetime.combine(day.date(), time.max, UTC)


def _last_day(expires_at: float | None) -> str:
    """Return the last day of an entry, as a form has it; "" for none."""
    return "" if expires_at is None else utc(expires_at - 1).date().isoformat()


def _may_release(form: SentForm) -> bool:
    return form.text("may_release") == "1"


def _existing(number: int) -> str:
    return f" On it already, and left as they are: {number}." if number else ""


def _released(number: int, why: str = "it is on the list now") -> str:
    return f" Released, because {why}: {number}." if number else ""
