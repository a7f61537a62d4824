# SPDX-License-Identifier: Apache-2.0
"""Every field of the desk in which people write warns of personal data, or says here why not."""

import importlib
import pkgutil
import re

import pytest
from django import forms
from django.http import QueryDict

from stemtide.hub import desk
from stemtide.hub.desk.alerts.deliveries import DropDeliveryForm
from stemtide.hub.desk.forms import DeskForm
from stemtide.hub.desk.signals.opinions import QuestionForm
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.referrals.models import Referral
from stemtide.hub.rooms.referrals.writes import referrals
from stemtide.hub.rooms.retention.models import LegalHold
from stemtide.hub.rooms.situation.models import Message
from stemtide.hub.rooms.situation.reads import situation
from stemtide.protocol.enums import Role
from stemtide.protocol.messages.referrals import AssessIn, SendIn
from stemtide.protocol.privacy.free_text import OTHER_TEXTS
from tests.rounds import at_night
from tests.world import signal_in

PERSONAL = "Ask piet@example.org about it."

ACCOUNT = "the account of a person or a party, or how to reach it"
CONTENT = "the content itself, or where it is"
INVENTED = "said by a bot of an exercise, in which everybody is invented"
LOOKED_UP = "looked up, or bound to a format"
OFFICE = "the name of an office"
REFUSED = "personal data are refused without exception"

UNCHECKED = {
    "BatchForm.reason": "each row of a batch is refused by itself",
    "BatchForm.rows": "each row of a batch is refused by itself",
    "ColleagueForm.name": ACCOUNT,
    "ComplaintCodeForm.code": LOOKED_UP,
    "ComplaintLinkForm.acted_by": LOOKED_UP,
    "ComplaintLinkForm.reference": LOOKED_UP,
    "ContactForm.address": ACCOUNT,
    "ContactForm.languages": ACCOUNT,
    "ContactForm.title": ACCOUNT,
    "ContentForm.value": CONTENT,
    "CyberTipForm.reference": LOOKED_UP,
    "CyberTipForm.sha256": LOOKED_UP,
    "EntryForm.issuer_contact": ACCOUNT,
    "EntryForm.issuer_state": LOOKED_UP,
    "EntryForm.issuer_title": OFFICE,
    "ExchangeForm.account": ACCOUNT,
    "ExchangeForm.address": LOOKED_UP,
    "ExchangeForm.name": LOOKED_UP,
    "FileComplaintForm.acted_by": LOOKED_UP,
    "FileComplaintForm.reference": LOOKED_UP,
    "GroupForm.group": LOOKED_UP,
    "HoldForm.contact": ACCOUNT,
    "HoldForm.url": CONTENT,
    "KeyForm.certificate": LOOKED_UP,
    "KeyForm.name": LOOKED_UP,
    "LeadForm.posted_at": LOOKED_UP,
    "LedgerForm.kind": LOOKED_UP,
    "LedgerForm.subject": LOOKED_UP,
    "MarksForm.title": REFUSED,
    "MechanismForm.mechanism": LOOKED_UP,
    "NewDraftForm.urls": CONTENT,
    "PartyForm.name": LOOKED_UP,
    "PartyForm.title": OFFICE,
    "PartyTitleForm.title": OFFICE,
    "PreviewForm.excerpt": CONTENT,
    "ReplaceForm.certificate": LOOKED_UP,
    "ReportFields.impossible": REFUSED,
    "ReportFields.others": REFUSED,
    "ReportFields.provider": REFUSED,
    "ReportFields.service": REFUSED,
    "RightsRequestForm.reference": LOOKED_UP,
    "SayForm.text": INVENTED,
    "AllowEntryForm.source_url": LOOKED_UP,
    "SigningKeyForm.key": LOOKED_UP,
    "SetUpForm.name": LOOKED_UP,
    "SetUpForm.person": ACCOUNT,
    "SetUpForm.title": OFFICE,
    "CodeAgainForm.code": LOOKED_UP,
    "CodeForm.code": LOOKED_UP,
    "TaskForm.link": LOOKED_UP,
}
"""Fields that no message of the protocol explains: with the reason why they are not checked."""


def all_forms():
    for module in pkgutil.walk_packages(desk.__path__, f"{desk.__name__}."):
        importlib.import_module(module.name)
    waiting = [forms.BaseForm]
    while waiting:
        form = waiting.pop()
        waiting += form.__subclasses__()
        if form.__module__.startswith(desk.__name__):
            yield form


def text_fields():
    """Every field of every form into which any text can be written, by its class."""
    for form in all_forms():
        for name, field in form.base_fields.items():
            is_secret = isinstance(field.widget, forms.PasswordInput | forms.HiddenInput)
            if type(field) is forms.CharField and not is_secret:
                yield form, name


def is_checked(form, name):
    return issubclass(form, DeskForm) and form.is_free_text(form, name)


def explained(form, name):
    message = getattr(form, "message_type", None)
    return message is not None and f"{message.__name__}.{name}" in OTHER_TEXTS


def test_every_text_of_the_desk_is_checked_or_says_why_not():
    unchecked = {
        f"{form.__name__}.{name}"
        for form, name in text_fields()
        if not is_checked(form, name) and not explained(form, name)
    }
    assert unchecked == set(UNCHECKED)


def test_no_field_is_on_the_list_that_is_checked():
    assert sum(is_checked(form, name) for form, name in text_fields()) > 60


def bound(form_type, **sent):
    data = QueryDict(mutable=True)
    for name, text in sent.items():
        data.setlist(name, text if isinstance(text, list) else [text])
    return form_type(data)


def test_a_form_warns_once_and_takes_what_is_ticked():
    form = bound(QuestionForm, text=PERSONAL)
    assert form.message() is None
    assert "This looks like personal data: a mail address" in form.errors["text"][0]
    form = bound(QuestionForm, text=PERSONAL, insists="text")
    assert form.message().text == PERSONAL
    assert form.personal == {"text": True}


def test_a_tick_is_for_its_own_field():
    assert bound(QuestionForm, text=PERSONAL, insists=["note", "reason"]).message() is None
    assert bound(DropDeliveryForm, reason="A mistake of ours.").is_valid()


# Doors whose form stands on no page of its own


@pytest.mark.django_db
def test_a_legal_hold_asks_again_on_a_page_of_its_own(world):
    from stemtide.hub.rooms.signals.writes import signals

    officer = world.desk("authority", Role.DATA_PROTECTION_OFFICER)
    uid = signals.share(signal_in(), by=world.party["authority"], now=world.now).id
    address, sent = f"/retention/signal/{uid}/hold", {"hold-reason": PERSONAL}
    page = officer.post(address, sent)
    assert page.status_code == 422
    assert PERSONAL in page.content.decode()
    assert 'value="hold-reason"' in page.content.decode()
    assert not LegalHold.objects.exists()
    officer.post(address, sent | {"insists": "hold-reason"})
    assert LegalHold.objects.get().reason == PERSONAL


@pytest.mark.django_db
def test_a_setting_keeps_its_value_while_it_asks_again(world):
    chief = world.desk("agency", Role.COORDINATOR)
    sent = {"value": "3", "reason": PERSONAL}
    page = chief.post("/hub-settings/media_max_days/propose", sent)
    assert (page.status_code, 'value="3"' in page.content.decode()) == (422, True)
    done = chief.post("/hub-settings/media_max_days/propose", sent | {"insists": "reason"})
    assert done.status_code == 302


@at_night
@pytest.mark.django_db
def test_a_message_of_the_situation_log_is_warned_of(world):
    crisis = world.crisis(active=True)
    desk = world.desk("authority", Role.DUTY_OFFICER)
    sent = {"kind": "observation", "text": PERSONAL, "urgency": "now", "tlp": "amber"}
    sent["language"] = "en"
    sent = {f"message-{name}": text for name, text in sent.items()}
    page = desk.post(f"/crises/{crisis}/log/post", sent)
    assert (page.status_code, 'value="message-text"' in page.content.decode()) == (422, True)
    assert not Message.objects.exists()
    desk.post(f"/crises/{crisis}/log/post", sent | {"insists": "message-text"})
    assert Message.objects.get().text == PERSONAL


@at_night
@pytest.mark.django_db
def test_the_basis_of_an_activation_is_warned_of(world):
    crisis = Crisis.objects.get(uid=world.crisis())
    desk = world.desk("authority", Role.DUTY_OFFICER)
    address = f"/crises/{crisis.uid}/activation/save"
    start = desk.get(f"/crises/{crisis.uid}/activation").content.decode()
    bases = dict(re.findall(r'name="([\w-]+-basis)" value="(\w+)"', start))
    test = next(iter(bases)).removesuffix("-basis")
    sent = bases | {f"{test}-answer": "yes", f"{test}-evidence": PERSONAL}
    insisted = f'value="{test}-evidence"'
    assert insisted in desk.post(address, sent).content.decode()
    assert insisted in desk.post(address, sent, headers={"HX-Request": "true"}).content.decode()
    desk.post(address, sent | {"insists": f"{test}-evidence"})
    assert PERSONAL in desk.get(f"/crises/{crisis.uid}/activation").content.decode()
    page = desk.post(address, {"do": "propose", "reason": PERSONAL}).content.decode()
    assert 'id="reason-insists"' in page


@at_night
@pytest.mark.django_db
def test_a_section_of_a_report_is_warned_of(world):
    crisis = world.crisis(active=True, joined=("provider",))
    desk = world.desk("authority", Role.DUTY_OFFICER)
    opened = desk.post(f"/crises/{crisis}/report/open", follow=True)
    address = opened.redirect_chain[-1][0]
    name = opened.context["report"].sections[0].name
    basis = opened.context["sections"][0]["basis"]
    sent = {f"text-{name}": PERSONAL, f"basis-{name}": basis}
    page = desk.post(f"{address}/sections", sent)
    assert page.status_code == 422
    assert f'id="text-{name}-insists"' in page.content.decode()
    desk.post(f"{address}/sections", sent | {"insists": f"text-{name}"})
    assert PERSONAL in desk.get(address).content.decode()


@at_night
@pytest.mark.django_db
def test_a_vote_with_personal_data_is_shown_again_and_counts_once_ticked(world):
    crisis = world.crisis(active=True, joined=("provider", "neighbour"))
    sent = {"line-language_0": "en", "line-text_0": "We know of it."}
    world.desk("authority").post(f"/crises/{crisis}/lines/propose", sent)
    line = situation.lines(crisis, viewer=world.party["authority"])[0]
    theirs = world.desk("neighbour", Role.DUTY_OFFICER)
    address, vote = f"/crises/{crisis}/lines/{line.id}/vote", {"vote": "object", "note": PERSONAL}
    page = theirs.post(address, vote)
    assert (page.status_code, PERSONAL in page.content.decode()) == (422, True)
    theirs.post(address, vote | {"insists": "note"})
    votes = situation.lines(crisis, viewer=world.party["authority"])[0].votes
    assert [vote.note for vote in votes] == [PERSONAL]
    wrong = theirs.post(address, {"vote": "perhaps", "note": "Not yet."})
    assert wrong.status_code == 422
    assert "Check what you entered" in wrong.content.decode()
    assert "Not yet." in wrong.content.decode()


@pytest.mark.django_db
def test_the_context_of_a_referral_is_shown_again(world):
    body = AssessIn(
        url="https://video.example/watch?v=1",
        provider="provider",
        content_type="video",
        labels=["incitement"],
        reason="It calls for an attack.",
    )
    made = referrals.refer(body, assessment=SendIn(), by=world.actor("authority"), now=world.now)
    Referral.objects.update(state="needs_context")
    Referral.objects.get().questions.create(question="Which scene?", asked_at=world.now)
    desk = world.desk("authority", Role.DUTY_OFFICER)
    address, sent = f"/referrals/{made.id}/do/explain", {"explain-context": PERSONAL}
    page = desk.post(address, sent)
    assert (page.status_code, PERSONAL in page.content.decode()) == (422, True)
    assert desk.post(address, sent | {"insists": "explain-context"}).status_code == 302
    assert PERSONAL in desk.get(f"/referrals/{made.id}").content.decode()


@pytest.mark.django_db
def test_what_a_setting_refuses_is_shown_again_with_its_reason(world):
    chief = world.desk("agency", Role.COORDINATOR)
    sent = {"value": "999999999", "reason": "A long exercise."}
    page = chief.post("/hub-settings/media_max_days/propose", sent)
    assert (page.status_code, "A long exercise." in page.content.decode()) == (422, True)


@pytest.mark.django_db
def test_a_hold_without_its_date_keeps_its_reason(world):
    from stemtide.hub.rooms.signals.writes import signals

    officer = world.desk("authority", Role.DATA_PROTECTION_OFFICER)
    uid = signals.share(signal_in(), by=world.party["authority"], now=world.now).id
    page = officer.post(f"/retention/signal/{uid}/extend", {"extend-reason": "A court case."})
    assert (page.status_code, "A court case." in page.content.decode()) == (422, True)
