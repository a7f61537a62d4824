# SPDX-License-Identifier: Apache-2.0
"""Forms of the law and referrals as tagged PDF and as JSON, in the languages of the desk.

A removal order and a referral never look alike: each has a word, a shape and a colour of its own at
its very top, and a referral says that it binds to nothing.

source: Regulation (EU) 2021/784, Annexes I to III; PDF/UA-1 (ISO 14289-1), PDF/A-2a (ISO 19005-2).
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from django.utils import translation
from django.utils.translation import gettext as _, gettext_lazy

from stemtide.fingerprints.url.canonical import UrlError, in_ascii
from stemtide.hub.platform.documents import form_data
from stemtide.hub.platform.documents.seal_notes import SealNotes
from stemtide.hub.platform.documents.typesetting import typeset
from stemtide.protocol.enums.orders import OrderChannel
from stemtide.protocol.enums.referrals import ContentType
from stemtide.protocol.labels import ideologies, labels
from stemtide.protocol.law.forms import FieldKind, Form, FormField, date_of, is_empty, moment_of
from stemtide.protocol.messages.documents import FormDocument
from stemtide.protocol.messages.orders import EnteredOut
from stemtide.protocol.messages.referrals import ReferralOut

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

SHEETS = Path(__file__).parent / "sheets"

LANGUAGES = ("en", "nl", "fr", "de")

_PIECE = 56
"""Letters of an address in one line: no letter is added to it, hidden or seen."""

Said: TypeAlias = Callable[[str, str], str]
"""What people read for a stored word, and of what it is."""


CONTENT_TYPES: Mapping[str, "str | _StrPromise"] = {
    ContentType.VIDEO: gettext_lazy("video"),
    ContentType.IMAGE: gettext_lazy("picture"),
    ContentType.AUDIO: gettext_lazy("sound"),
    ContentType.TEXT: gettext_lazy("text"),
    ContentType.DOCUMENT: gettext_lazy("document"),
    ContentType.LIVE_STREAM: gettext_lazy("live stream"),
    ContentType.ARCHIVE: gettext_lazy("archive of files"),
    ContentType.LINKS: gettext_lazy("list of links"),
    ContentType.ACCOUNT: gettext_lazy("account"),
    ContentType.GROUP: gettext_lazy("group or channel"),
    ContentType.OTHER: gettext_lazy("something else"),
}
"""Kinds of content in words."""


def said_plainly(word: str, of: str) -> str:
    """Return the text for a stored word of a referral, in the active language."""
    if of == "label" and word in labels():
        return _(labels()[word].title)
    if of == "ideology" and word in ideologies():
        return _(ideologies()[word].title)
    return str(CONTENT_TYPES.get(word, word)) if of == "content_type" else word


def form_pdf(
    form: Form,
    values: Mapping[str, object],
    *,
    language: str,
    reference: str = "",
    is_exercise: bool = False,
    is_draft: bool = False,
    seals: SealNotes = SealNotes(),  # noqa: B008  # frozen
    entered: EnteredOut | None = None,
) -> bytes:
    """Return a filled-in form of the law as PDF.

    language: English if the desk does not have it. seals: its notes on its own seals.
    entered: how an order that was made elsewhere came here; None for one made here.
    """
    lang = spoken(language)
    with translation.override(lang):
        mark = _("EXERCISE") if is_exercise else _("DRAFT") if is_draft else ""
        kind, word, notice = _band(
            form, is_exercise=is_exercise, is_draft=is_draft, entered=entered
        )
        document: dict[str, object] = {
            "title": f"{form.title.within(lang)} {reference}".strip(),
            "running": reference,
            "exercise": mark,
            "tlp": "",
            "kind": kind,
            "word": word,
            "said": notice,
            "source": _(form.source),
            "preamble": [paragraph.within(lang) for paragraph in form.preamble],
            "sections": _sections(form, values, lang=lang),
            "nothing": _("not stated"),
            "not-asked": _("does not apply"),
            "remark": _(
                "Some of this form's wording has not been checked against the Official Journal."
            )
            if form.from_memory
            else "",
            "seals": seals.lines(),
            **_embedded(form, values, is_issued=not is_draft and entered is None),
        }
    return typeset(SHEETS / "form.typ", document, lang=lang)


def _embedded(form: Form, values: Mapping[str, object], *, is_issued: bool) -> dict[str, object]:
    """Return the entries of a form for programs; none for a draft, or a copy of another order."""
    if not is_issued:
        return {}
    plain = {name: _plain(value) for name, value in values.items() if not is_empty(value)}
    text = form_data.encode(form.name, plain)
    return {"embedded": text} if text else {}


def _sections(form: Form, values: Mapping[str, object], *, lang: str) -> list[dict[str, object]]:
    """Return the sections of a form for the document template."""
    return [
        {
            "title": _("SECTION %(name)s: %(title)s")
            % {"name": section.name, "title": section.title.within(lang)},
            "note": section.note.within(lang) if section.note else "",
            "fields": [
                _field(field, values, lang=lang)
                for field in section.fields
                if _is_shown(field, values)
            ],
        }
        for section in form.sections
    ]


def form_json(
    form: Form,
    values: Mapping[str, object],
    *,
    language: str,
    reference: str = "",
    is_exercise: bool = False,
    entered: EnteredOut | None = None,
) -> bytes:
    """Return a filled-in form as JSON: its values by field, with the titles of one language."""
    lang = spoken(language)
    with translation.override(lang):
        notice = entered_said(entered) if entered is not None else ""
    document = FormDocument(
        form=form.name,
        title=form.title.within(lang),
        source=form.source,
        language=lang,
        reference=reference,
        exercise=is_exercise,
        entered=notice,
        values={name: _plain(value) for name, value in values.items()},
        titles={field.name: field.title.within(lang) for field in form.fields},
    )
    return document.model_dump_json(indent=2).encode()


def referral_pdf(
    referral: ReferralOut, *, titles: Mapping[str, str], title_of: Said, language: str
) -> bytes:
    """Return a referral as PDF for its addressee. titles: parties' titles by name."""
    lang = spoken(language)
    with translation.override(lang):
        document: dict[str, object] = {
            "title": _("Referral %s") % referral.reference,
            "exercise": _("EXERCISE") if referral.exercise else "",
            "tlp": "",
            "word": _("VOLUNTARY: this is a referral, not a removal order"),
            "said": exercise_said() if referral.exercise else _voluntary_notice(),
            "facts": _facts(referral, titles=titles, title_of=title_of),
            "content_title": _("The content"),
            "address_title": _("Web address"),
            "addresses": [_address(referral.url)],
            "parts": [
                {"title": title, "text": text}
                for title, text in _parts(referral, title_of=title_of)
                if text
            ],
            "answer_title": _("What you may answer"),
            "answer": _answers(),
        }
    return typeset(SHEETS / "referral.typ", _dashed(document), lang=lang)


def referral_json(referral: ReferralOut) -> bytes:
    """Return a referral as JSON."""
    return referral.model_dump_json(indent=2).encode()


def file_name(reference: str) -> str:
    """Return a file reference as part of a file's name. Those of other places have any letters."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", reference).strip(".-") or "order"


def spoken(language: str) -> str:
    """Return a language of the desk; English for others."""
    code = language[:2].lower()
    return code if code in LANGUAGES else "en"


def _band(
    form: Form, *, is_exercise: bool, is_draft: bool, entered: EnteredOut | None
) -> tuple[str, str, str]:
    """Return a form's band style, the word in the band, and the notice below it."""
    notices = [entered_said(entered)] if entered is not None else []
    notices += [exercise_said()] if is_exercise else []
    notice = " ".join(notices)
    if form.name != "tco-annex-1":
        return "answer", _("Answer of the addressee to a removal order"), notice
    if is_draft and not notice:
        notice = _("This is a draft. It was not issued and binds nobody.")
    binding = _("It binds. It is to be carried out within one hour of receipt.")
    return "order", _("REMOVAL ORDER"), notice or binding


CHANNELS: Mapping[str, "str | _StrPromise"] = {
    OrderChannel.PERCI: gettext_lazy("PERCI"),
    OrderChannel.MAIL: gettext_lazy("e-mail"),
    OrderChannel.POST: gettext_lazy("post"),
    OrderChannel.HAND: gettext_lazy("delivery by hand"),
    OrderChannel.OTHER: gettext_lazy("another channel"),
}
"""Channels of orders that were made elsewhere, in words."""


def entered_said(entered: EnteredOut) -> str:
    """Return the notice on each document of an order that was made elsewhere."""
    facts = {
        "who": entered.entered_by,
        "at": moment_said(entered.entered_at),
        "channel": CHANNELS[entered.channel],
    }
    return (
        _(
            "Copy of an order that was not issued through this hub. It reached the provider by"
            " %(channel)s. %(who)s entered it by hand at %(at)s. Only the document that was"
            " received is the order."
        )
        % facts
    )


def exercise_said() -> str:
    """Return the notice on every document of an exercise."""
    return _("This is an exercise. It has no legal effect, and nothing in it is real.")


def _voluntary_notice() -> str:
    """Return the notice on every referral."""
    return _(
        "It asks you to look at content under your own terms. Regulation (EU) 2021/784 does not"
        " oblige you to act on it; no time limit and no penalty follow from it."
    )


def _is_shown(field: FormField, values: Mapping[str, object]) -> bool:
    """Whether a field is shown: optional fields that are empty are left out."""
    return field.is_asked(values) or not is_empty(values.get(field.name))


def _field(field: FormField, values: Mapping[str, object], *, lang: str) -> dict[str, object]:
    """Return a field for the document template."""
    value = values.get(field.name)
    entry: dict[str, object] = {
        "title": field.title.within(lang),
        "boxes": [],
        "addresses": [],
        "text": "",
        "is-empty": False,
    }
    match field.kind:
        case FieldKind.CHOICE | FieldKind.CHOICES:
            ticked = set(value) if isinstance(value, list | tuple) else {value}
            entry["boxes"] = [
                {"title": option.title.within(lang), "is-ticked": option.name in ticked}
                for option in field.options
            ]
        case FieldKind.TICK:
            entry["title"] = ""
            entry["boxes"] = [{"title": field.title.within(lang), "is-ticked": value is True}]
        case FieldKind.URLS:
            addresses = value if isinstance(value, list | tuple) else []
            entry["addresses"] = [_address(str(address)) for address in addresses]
            entry["is-empty"] = not addresses
        case FieldKind.LINK if not is_empty(value):
            entry["addresses"] = [_address(str(value))]
        case _:
            entry["text"] = _text(field.kind, value)
            entry["is-empty"] = is_empty(value)
    return entry


def _text(kind: FieldKind, value: object) -> str:
    """Return a value as people read it; unexpected values unchanged."""
    if is_empty(value):
        return ""
    if kind is FieldKind.MOMENT and (at := moment_of(value)):
        return moment_said(at)
    if kind is FieldKind.DATE and (day := date_of(value)):
        return day.isoformat()
    return str(value)


def moment_said(at: datetime) -> str:
    """Return a time as documents show it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _address(address: str) -> dict[str, object]:
    """Return an address for the document template.

    An address with letters beyond ASCII is also shown in ASCII, as browsers send it: text in
    which letters run both ways is displayed, and copied, in another order than it is stored.
    """
    entry: dict[str, object] = {"pieces": _pieces(address), "ascii": [], "ascii-title": ""}
    if not address.isascii():
        with suppress(UrlError):
            entry["ascii"] = _pieces(in_ascii(address))
            entry["ascii-title"] = _("The same as browsers send it:")
    return entry


def _pieces(address: str) -> list[str]:
    """Return an address in lines."""
    return [address[at : at + _PIECE] for at in range(0, len(address), _PIECE)]


def _plain(value: object) -> object:
    """Return a value as JSON has it."""
    return json.loads(json.dumps(value, default=lambda moment: moment.isoformat()))


def _dashed(document: Mapping[str, object]) -> dict[str, object]:
    """Return data with dashes in its names, as typst writes them."""
    return {name.replace("_", "-"): value for name, value in document.items()}


def _facts(referral: ReferralOut, *, titles: Mapping[str, str], title_of: Said) -> list[list[str]]:
    """Return the facts at the head of a referral."""
    sent = [[_("Sent"), moment_said(referral.sent_at)]] if referral.sent_at else []
    return [
        [_("Reference"), referral.reference],
        [_("From"), titles.get(referral.sender, referral.sender)],
        [_("To"), titles.get(referral.provider, referral.provider)],
        *sent,
        [_("Kind of content"), title_of(referral.content_type, "content_type")],
        *([[_("Language"), referral.language]] if referral.language else []),
    ]


def _parts(referral: ReferralOut, *, title_of: Said) -> list[tuple[str, str]]:
    """Return the texts about the content, in order."""
    labels = ", ".join(title_of(label, "label") for label in referral.labels)
    parts = [
        (_("You asked: %s") % question.question, question.context)
        for question in referral.questions
        if question.context
    ]
    return [
        (_("Labels"), labels),
        (_("Ideology"), title_of(referral.ideology, "ideology") if referral.ideology else ""),
        (_("Your terms that it may break"), referral.terms),
        (_("Reason for the referral"), referral.reason),
        *parts,
    ]


def _answers() -> list[str]:
    """Return how a provider may answer, and that the decision is its own."""
    return [
        _(
            "Removed, access disabled, blocked in some countries, not found, refused with your"
            " reason, or: you need to know more. You may leave it unanswered."
        ),
        _(
            "If you restrict content because of this referral, what you owe your user stays your"
            " duty: a statement of reasons (Regulation (EU) 2022/2065, Article 17) and a way to"
            " complain (Article 20)."
        ),
    ]
