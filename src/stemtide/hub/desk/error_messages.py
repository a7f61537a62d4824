# SPDX-License-Identifier: Apache-2.0
"""Error messages of the rooms, translated. Rooms raise them in English, with templates."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext, gettext_noop as _

from stemtide.hub.platform.errors import InvalidError, RefusalError
from stemtide.protocol.law.frameworks import frameworks


def error_text(error: Exception) -> str:
    """Return an error's message in the reader's language, after its field's name if it has one."""
    text = field_error_text(error)
    return f"{error.field}: {text}" if isinstance(error, InvalidError) else text


def field_error_text(error: Exception) -> str:
    """Return an error's message, to be shown beside the field that it is about."""
    if not isinstance(error, RefusalError) or not error.template:
        return str(error)
    return fill_template(error.template, error.facts)


def fill_template(template: str, facts: Mapping[str, object]) -> str:
    """Return a message template in the reader's language, with its values filled in."""
    text = gettext(template)
    return (
        text.format_map({name: _fact(name, fact) for name, fact in facts.items()})
        if facts
        else text
    )


def _fact(name: str, fact: object) -> object:
    """Return a value of a message in the reader's language if it is a word."""
    if not isinstance(fact, str) or not fact:
        return fact
    return _questions(fact.split(", ")) if name == "open_tests" else gettext(fact)


def _questions(tests: Sequence[str]) -> str:
    """Return the questions of tests of a checklist, in place of their names."""
    questions = {
        name: test.question for law in frameworks().values() for name, test in law.tests.items()
    }
    return " ".join(gettext(questions.get(name, name)) for name in tests)


TRANSLATED_VALUES = (
    *(_("duty officer"), _("analyst"), _("coordinator"), _("administrator"), _("observer")),
    *(_("data protection officer"), _("authority or agency"), _("agency")),
    *(_("activates the protocol"), _("closes it"), _("rates a warning")),
    *(_("answers the checklist"), _("records national measures"), _("links crises")),
    *(_("mirrors other mechanisms"), _("de-escalates a crisis")),
    _("says which signals stay after a crisis"),
    *(_("makes a crisis live again"), _("reviews a crisis")),
    *(_("as usual"), _("monitor"), _("activate")),
    *(_("an exercise"), _("real"), _("was withdrawn"), _("expired")),
    *(_("open"), _("confirmed"), _("declined"), _("withdrawn"), _("proposed"), _("agreed")),
    *(_("objected"), _("superseded"), _("received"), _("passed on"), _("closed")),
    *(_("draft"), _("published"), _("acknowledged"), _("unanswered"), _("overtaken")),
    *(_("queued"), _("sending"), _("sent"), _("failed"), _("dead"), _("dropped"), _("stopped")),
    *(_("done"),),
    *(_("journalistic"), _("artistic"), _("research"), _("educational")),
    *(_("leave the country out, and it goes to the agency"), _("call the police")),
    *(_("Warnings and steps of a crisis"), _("Invitations"), _("Threat-to-life leads")),
    *(_("Removal orders and what follows them"), _("Referrals"), _("Holds")),
    *(_("Public lines"), _("Tasks and roles"), _("Mentions in situation logs")),
    *(_("Contact drills"), _("Exercises"), _("Removal orders that were made elsewhere")),
)
"""Words that rooms put into error messages, listed here for the translators."""
