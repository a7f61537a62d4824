# SPDX-License-Identifier: Apache-2.0
"""Lint Annex I: find missing and contradicting fields before an order is issued.

An order with a flaw cannot be issued; an order with a doubt can.

source: Regulation (EU) 2021/784 recital 36, Art. 3(2) and (4), Art. 4(1), Art. 11(3), Annex I.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

from stemtide.fingerprints.url.canonical import UrlClass, UrlError, url_class
from stemtide.hub.platform.errors import InvalidError, RefusalError
from stemtide.hub.rooms.orders.rules.findings import (
    Doubt,
    DraftFinding,
    Flaw,
    Interest,
    address_doubts,
    interest_doubts,
)
from stemtide.protocol.enums.orders import DoubtKind
from stemtide.protocol.law import deadlines
from stemtide.protocol.law.forms import (
    MAX_LONG_TEXT,
    MAX_TEXT,
    MAX_URL,
    MAX_URLS,
    FaultKind,
    FieldFault,
    FieldKind,
    Form,
    date_of,
    form,
    moment_of,
)
from stemtide.protocol.messages.orders import Values

ANNEX_1, ANNEX_2, ANNEX_3 = "tco-annex-1", "tco-annex-2", "tco-annex-3"
"""Names of the forms."""

FEW_WORDS = 20
"""Reasons with fewer characters tell a provider little."""

_LATEST_ZONE = timezone(timedelta(hours=14))
_SPELT_WRONG = frozenset(
    {
        FaultKind.UNKNOWN,
        FaultKind.NOT_TEXT,
        FaultKind.TOO_LONG,
        FaultKind.NO_CONTROLS,
        FaultKind.TOO_MANY,
        FaultKind.NOT_TICK,
        FaultKind.NOT_OPTION,
    }
)
"""Faults that even a draft is refused for: no page or client of ours sends them."""


class FlawedError(RefusalError):
    """The order cannot be issued: its lint found flaws. findings: all findings."""

    def __init__(self, findings: Sequence[DraftFinding]) -> None:
        super().__init__(
            "{count} things in Annex I must be mended before this order is issued",
            count=len(findings),
        )
        self.findings = list(findings)


@dataclass(frozen=True, slots=True)
class LintFacts:
    """The facts that the lint needs beside the form.

    home_state: the provider's Member State as the hub knows it; "" where it does not.
    homes:      authorities of it that are in the register for scrutiny.
    is_first:   the issuer has never issued an order to this provider.
    informed_at: when the issuer last informed the provider of procedures and deadlines.
    languages:  those of the provider's contact points; empty where nobody knows.
    interests:  of others in the same addresses or content, and orders of one's own on them.
    is_media_service: the issuer says that the account is one of a media service.
    lacks_agency: a copy is to go to Europol, and no agency uses this hub.
    """

    issuing_state: str
    home_state: str
    homes: tuple[str, ...]
    is_first: bool
    now: datetime
    emergency: str = ""
    emergency_ground: str = ""
    informed_at: datetime | None = None
    language: str = "en"
    languages: frozenset[str] = field(default_factory=frozenset)
    interests: tuple[Interest, ...] = ()
    is_media_service: bool = False
    lacks_agency: bool = False


def check_values(values: Mapping[str, object], *, name: str) -> None:
    """Refuse values that not even a draft accepts: unknown fields, the hub's fields, wrong types.

    raises: InvalidError naming the field.
    """
    annex = form(name)
    for form_field in annex.fields:
        if form_field.is_filled_in and form_field.name in values:
            where = _in_annex(form_field.name)
            raise InvalidError(where, "is filled in by the hub: leave it out")
    for fault in annex.faults(values):
        if fault.kind in _SPELT_WRONG:
            flaw = _worded(fault, annex)
            raise InvalidError(_in_annex(fault.field), flaw.template, **flaw.facts)


def check_answer(values: Mapping[str, object], *, name: str, now: datetime) -> None:
    """Refuse an answer by Annex II or III that is not complete, at its first fault.

    raises: InvalidError naming the field.
    """
    check_values(values, name=name)
    for flaw in answer_flaws(values, name=name):
        raise InvalidError(_in_annex(flaw.field), flaw.template, **flaw.facts)
    measure_at = moment_of(values.get("measure_at"))
    if measure_at is not None and measure_at > now + timedelta(minutes=5):
        raise InvalidError("annex.measure_at", "is in the future: enter when it was done")


def answer_flaws(values: Mapping[str, object], *, name: str) -> list[DraftFinding]:
    """Return all flaws of an answer by Annex II or III, in the order of its fields."""
    annex = form(name)
    filled_in = {field.name for field in annex.fields if field.is_filled_in}
    return [_worded(fault, annex) for fault in annex.faults(values) if fault.field not in filled_in]


def _in_annex(field: str) -> str:
    """Return the name of an annex field as messages spell it."""
    return f"annex.{field}"


def lint(values: Values, *, facts: LintFacts) -> list[DraftFinding]:
    """Return the findings of a draft: flaws first, then doubts."""
    annex = form(ANNEX_1)
    filled_in = {field.name for field in annex.fields if field.is_filled_in}
    findings: list[DraftFinding] = [
        _worded(fault, annex) for fault in annex.faults(values) if fault.field not in filled_in
    ]
    wrong = {finding.field for finding in findings}
    for part in (_states(values, facts), _secrecy(values, facts), _days(values, facts)):
        findings.extend(finding for finding in part if finding.field not in wrong)
    if "urls" not in wrong:
        findings.extend(_addresses(values))
        findings.extend(address_doubts(values))
    findings.extend(_first_order(facts))
    findings.extend(interest_doubts(facts.interests))  # recital 36
    findings.extend(_doubts(values, facts))
    return sorted(findings, key=lambda finding: not finding.is_error)


def check_lint(findings: Sequence[DraftFinding]) -> None:
    """Refuse to issue an order that has flaws. raises: FlawedError."""
    if flaws := [finding for finding in findings if finding.is_error]:
        raise FlawedError(flaws)


def _states(values: Values, facts: LintFacts) -> Iterator[DraftFinding]:
    """Check that section D agrees with the countries of issuer and provider."""
    home = values.get("home_state")
    if facts.home_state and home and home != facts.home_state:
        yield Flaw(
            "home_state",
            "is {said}, but the hub has the provider in {known}: correct one of them",
            said=home,
            known=facts.home_state,
        )
    is_abroad = bool(home) and home != facts.issuing_state
    is_ticked = values.get("cross_border") is True
    if is_abroad and not is_ticked:
        yield Flaw(
            "cross_border",
            "is not ticked, though the provider's Member State is {home} and yours {own}: tick it",
            home=home,
            own=facts.issuing_state,
        )
    if home and not is_abroad and is_ticked:
        yield Flaw("cross_border", "is ticked, though both are in the same Member State: untick it")
    is_sent = values.get("copy_sent") is True
    if is_ticked and not is_sent:
        yield Flaw("copy_sent", "is not ticked: a copy goes to the authority of that Member State")
    if is_sent and not is_ticked:
        yield Flaw("copy_sent", "is ticked, though the order stays in one Member State: untick it")


def _secrecy(values: Values, facts: LintFacts) -> Iterator[DraftFinding]:
    """Check that secrecy ends within six weeks."""
    until = moment_of(values.get("non_disclosure_until"))
    if until is None:
        return
    most = deadlines.secrecy_until(facts.now)
    if until <= facts.now:
        yield Flaw(
            "non_disclosure_until", "is in the past: enter a later time, or remove the secrecy"
        )
    elif until > most:
        yield Flaw(
            "non_disclosure_until",
            "is more than six weeks ahead: enter {most:%Y-%m-%d %H:%M} UTC at the latest",
            most=most,
        )


def _days(values: Values, facts: LintFacts) -> Iterator[DraftFinding]:
    """Yield a flaw if the date beside the signature is not the day of issue."""
    signed = date_of(values.get("signed_on"))
    if signed is None:
        return
    if signed > facts.now.astimezone(_LATEST_ZONE).date():
        yield Flaw("signed_on", "is in the future: an order is signed on the day of its issue")
    elif signed < facts.now.astimezone(UTC).date() - timedelta(days=1):
        yield Flaw("signed_on", "is before the day of issue: sign it today")


def _addresses(values: Values) -> Iterator[DraftFinding]:
    """Yield flaws and doubts of addresses: each must lead to one piece of content, once."""
    urls = values.get("urls")
    if not isinstance(urls, list):
        return
    for url in sorted({url for url in urls if urls.count(url) > 1}):
        yield Flaw("urls", "{url} is there twice: remove one", url=url[:200])
    for url in dict.fromkeys(urls):
        try:
            kind = url_class(url)
        except UrlError as error:
            yield Flaw("urls", "{why}", why=error)
            continue
        if kind is UrlClass.SHORT_LINK:
            yield Flaw(
                "urls",
                "{url} is a short link: enter the address that it redirects to",
                url=url[:200],
            )
        if kind is UrlClass.SITE:
            yield Doubt(
                "urls",
                "{url} is the front page of a site: enter the exact address of the content",
                url=url[:200],
            ).of(DoubtKind.ADDRESS)
    hosts = {(urlsplit(url).hostname or "").removeprefix("www.") for url in urls}
    if len(hosts) > 1:
        yield Doubt(
            "urls",
            "are on {count} hosts: check that all of them belong to this provider",
            count=len(hosts),
        ).of(DoubtKind.ADDRESS)


def _first_order(facts: LintFacts) -> Iterator[DraftFinding]:
    """Check that before a first order the provider was informed, or there is a grounded emergency.

    source: Regulation (EU) 2021/784 Art. 3(2), recital 17: the authority duly justifies its
            decision in the removal order.
    """
    if not facts.is_first:
        if facts.emergency:
            yield Doubt(
                "emergency",
                "is not needed: this provider has received orders from you before; leave it out",
            )
        return
    start = deadlines.first_order_from(facts.informed_at) if facts.informed_at else None
    is_informed = start is not None and facts.now >= start
    if is_informed and facts.emergency:
        yield Doubt("emergency", "is not needed: the provider was informed in time; leave it out")
    if facts.emergency and not is_informed and not facts.emergency_ground:
        yield Flaw(
            "emergency_ground",
            "is missing: explain which serious harm makes this an emergency (recital 17)",
        )
    if is_informed or facts.emergency:
        return
    if start is None:
        yield Flaw(
            "emergency",
            "this is your first order to this provider: inform it of procedures and "
            "deadlines twelve hours before, or explain why this is an emergency",
        )
    else:
        yield Flaw(
            "emergency",
            "the provider was informed less than twelve hours ago: wait until "
            "{start:%Y-%m-%d %H:%M} UTC, or explain why this is an emergency",
            start=start,
        )


def _doubts(values: Values, facts: LintFacts) -> Iterator[DraftFinding]:
    """Yield doubts that may need a second look."""
    reasons = values.get("reasons")
    if isinstance(reasons, str) and 0 < len(reasons.strip()) < FEW_WORDS:
        yield Doubt("reasons", "is very short: the provider must be able to understand the reasons")
    if values.get("cross_border") is True and not facts.homes:
        yield Doubt(
            "copy_sent",
            "no authority of {state} is in the register for scrutiny: send the copy yourself",
            state=values.get("home_state") or facts.home_state,
        ).of(DoubtKind.COPY)
    if facts.lacks_agency:
        yield Doubt(
            "copy_to_europol",
            "no agency uses this hub: send the copy to Europol yourself (Art. 14(6))",
        ).of(DoubtKind.COPY)
    if facts.is_media_service:
        yield Doubt(
            "is_media_service",
            "material of a media service is often journalistic and then no terrorist content (Art."
            " 1(3)): weigh its true purpose, and say in the reasons why the order stands",
        ).of(DoubtKind.MEDIA_SERVICE)
    if facts.languages and facts.language.partition("-")[0] not in facts.languages:
        yield Doubt(
            "language",
            "the provider's contact points read {languages}: Article 15(2) requires one of "
            "these languages",
            languages=", ".join(sorted(facts.languages)),
        ).of(DoubtKind.LANGUAGE)


def _worded(fault: FieldFault, within: Form) -> Flaw:
    """Return a fault of the form as a finding in words."""
    name = fault.field
    if fault.kind is FaultKind.CONTRADICTS:
        return Flaw(name, "contradicts {other}: clear one of them", other=fault.other)
    if fault.kind is FaultKind.UNKNOWN:
        return Flaw(name, "is not a field of {form}: leave it out", form=within.name)
    if fault.kind is FaultKind.TOO_LONG:
        most = _MOST.get(within.field(name).kind, MAX_TEXT)
        return Flaw(name, "is longer than {most} characters: shorten it", most=most)
    if fault.kind is FaultKind.NOT_OPTION:
        options = ", ".join(option.name for option in within.field(name).options)
        return Flaw(name, "is not an option: choose from {options}", options=options)
    return _PLAIN[fault.kind](name)


_MOST = {
    FieldKind.LONG_TEXT: MAX_LONG_TEXT,
    FieldKind.URLS: MAX_URL,
    FieldKind.LINK: MAX_URL,
}
"""Characters that a field of a kind holds; the others hold MAX_TEXT."""

_PLAIN: Mapping[FaultKind, Callable[[str], Flaw]] = {
    FaultKind.MISSING: lambda name: Flaw(name, "is missing: fill it in"),
    FaultKind.NOT_TEXT: lambda name: Flaw(name, "must be text"),
    FaultKind.NO_CONTROLS: lambda name: Flaw(name, "contains unreadable characters: remove them"),
    FaultKind.TOO_MANY: lambda name: Flaw(
        name, "has more than {most} rows: make a second order", most=MAX_URLS
    ),
    FaultKind.NOT_URL: lambda name: Flaw(
        name, "is not an exact web address: begin with http:// or https://"
    ),
    FaultKind.NOT_COUNTRY: lambda name: Flaw(
        name, "is not a country: write its two letters, such as BE or DE"
    ),
    FaultKind.NOT_MOMENT: lambda name: Flaw(
        name, "is not a time: write it with its time zone, such as 2026-01-31T12:00Z"
    ),
    FaultKind.NOT_DATE: lambda name: Flaw(name, "is not a date: write it like 2026-01-31"),
    FaultKind.NOT_MAIL: lambda name: Flaw(
        name, "is not an e-mail address: write it like name@example.org"
    ),
    FaultKind.NOT_PHONE: lambda name: Flaw(
        name, "is not a telephone number: begin with + and the country code"
    ),
    FaultKind.NOT_TICK: lambda name: Flaw(name, "must be true or false"),
}
"""Words for the kinds of fault that need no facts."""
