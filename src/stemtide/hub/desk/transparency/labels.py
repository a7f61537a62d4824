# SPDX-License-Identifier: Apache-2.0
"""Labels of the public figures: tables, rows and columns."""

from collections.abc import Callable

from django.utils.translation import gettext as translate, gettext_lazy as _

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.desk.labels import KINDS_SHORT, ideology_title, label, label_title
from stemtide.hub.desk.labels.languages import language_name
from stemtide.hub.desk.labels.progress import ORDER_OUTCOMES, REFERRAL_OUTCOMES, Words
from stemtide.protocol.figures.messages import TableName

TITLES: dict[TableName, Words] = {
    TableName.SHARED_BY_KIND: _("Signals shared, by kind"),
    TableName.SHARED_BY_LABEL: _("Signals shared, by label"),
    TableName.LIVE: _("Live signals at the end, by label and age"),
    TableName.ENDED: _("Signals that ended, by reason"),
    TableName.DISPUTES: _("Disputes, by what became of them"),
    TableName.COMPLAINTS_FILED: _("Complaints, by what the decision rested on"),
    TableName.COMPLAINTS_DECIDED: _("Decided complaints, by outcome"),
    TableName.ORDERS_BY_ANSWER: _("Removal orders, by answer"),
    TableName.ORDERS_BY_TIME: _("Removal orders, by time until removal"),
    TableName.ORDERS_BY_IDEOLOGY: _("Removal orders, by ideology"),
    TableName.ORDERS_BY_LANGUAGE: _("Removal orders, by language"),
    TableName.REFERRALS_BY_ANSWER: _("Referrals, by answer"),
    TableName.REFERRALS_BY_TIME: _("Referrals, by time until removal"),
    TableName.REFERRALS_BY_IDEOLOGY: _("Referrals, by ideology"),
    TableName.REFERRALS_BY_LANGUAGE: _("Referrals, by language"),
    TableName.CRISES: _("Crises that ended, by outcome"),
}

NOTES: dict[TableName, Words] = {
    TableName.SHARED_BY_LABEL: _("A signal can have several labels."),
    TableName.LIVE: _("A signal can have several labels. Its age counts from when it was shared."),
    TableName.DISPUTES: _("A party disputes a signal that it considers wrong."),
    TableName.COMPLAINTS_DECIDED: _("An upheld complaint corrects a wrong decision of a provider."),
    TableName.ORDERS_BY_TIME: _(
        "From receipt, without the time in which the deadline was suspended."
    ),
    TableName.REFERRALS_BY_TIME: _("From sending, as the provider reported it."),
    TableName.CRISES: _("The duration counts from the activation of the protocol."),
}

_AGES: dict[str, Words] = {
    "under_30_days": _("under 30 days"),
    "under_180_days": _("30 to 179 days"),
    "under_a_year": _("180 to 364 days"),
    "older": _("a year and older"),
}
_TIMES: dict[str, Words] = {
    "within_1_hour": _("within an hour"),
    "within_1_day": _("within a day"),
    "within_7_days": _("within a week"),
    "later": _("later"),
    "unknown": _("removed, at a time that is not known"),
    "not": _("not removed so far"),
}
COLUMNS: dict[str, Words] = {
    **_AGES,
    "carried_out": _("removed or disabled"),
    "other": _("not removed"),
}

_DISPUTES: dict[str, Words] = {
    "open": _("open"),
    "signal_withdrawn": _("the signal was withdrawn"),
    "signal_expired": _("the signal expired"),
    "set_aside": _("set aside by an agency"),
    "taken_back": _("taken back by the party"),
}
_CRISES: dict[str, Words] = {
    "closed": _("closed after an activation"),
    "lapsed": _("activation ended without a second party"),
    "warning_closed": _("closed without an activation"),
}


def _of(words: dict[str, Words]) -> Callable[[str], str]:
    """Return the function that looks a name up."""
    return lambda name: str(words.get(name, name))


def _kind(name: str) -> str:
    """Return a kind of fingerprint."""
    return str(KINDS_SHORT[Kind(name)])


def _ended(name: str) -> str:
    """Return why a signal ended."""
    return translate("expired") if name == "expired" else label(name, "reason")


def _ideology(name: str) -> str:
    """Return an ideology; also that none is stated."""
    return ideology_title(name) if name else translate("not stated")


def _language(name: str) -> str:
    """Return a language; also that none is stated."""
    return language_name(name) if name else translate("not stated")


ROWS: dict[TableName, Callable[[str], str]] = {
    TableName.SHARED_BY_KIND: _kind,
    TableName.SHARED_BY_LABEL: label_title,
    TableName.LIVE: label_title,
    TableName.ENDED: _ended,
    TableName.DISPUTES: _of(_DISPUTES),
    TableName.COMPLAINTS_FILED: lambda name: label(name, "complaint_basis"),
    TableName.COMPLAINTS_DECIDED: lambda name: label(name, "complaint"),
    TableName.ORDERS_BY_ANSWER: _of(ORDER_OUTCOMES),
    TableName.ORDERS_BY_TIME: _of(_TIMES),
    TableName.ORDERS_BY_IDEOLOGY: _ideology,
    TableName.ORDERS_BY_LANGUAGE: _language,
    TableName.REFERRALS_BY_ANSWER: _of(REFERRAL_OUTCOMES),
    TableName.REFERRALS_BY_TIME: _of(_TIMES),
    TableName.REFERRALS_BY_IDEOLOGY: _ideology,
    TableName.REFERRALS_BY_LANGUAGE: _language,
    TableName.CRISES: _of(_CRISES),
}
"""For each table, what returns the words of a row's name."""
