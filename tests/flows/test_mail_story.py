# SPDX-License-Identifier: Apache-2.0
"""A removal order and a referral reach a provider that has a mail box and nothing else."""

import hashlib
import json
import re

import pytest
from playwright.sync_api import expect

from tests.flows import beginnings
from tests.flows.conftest import House, until
from tests.hub.alerts.test_mail import server
from tests.hub.orders.cast import ANNEX_1
from tests.hub.papers.papers import text_of

pytestmark = [pytest.mark.flow, pytest.mark.browser]

URL = "https://one-person.example/thread/7"


class Stage:
    """A hub that sends its mail to a real server, and a browser that runs no script."""

    def __init__(self, chromium, folder, inbox):
        self.inbox = inbox
        sends = {
            "STEMTIDE_MAIL_URL": f"smtp+plain://127.0.0.1:{inbox.port}",
            "STEMTIDE_MAIL_FROM": "alerts@hub.example",
            "STEMTIDE_ADDRESS": "https://hub.example",
        }
        beginning = beginnings.of_cast("mail_box", URL, json.dumps(ANNEX_1))
        self.house = House(folder, beginning=beginning, environment=sends)
        self.context = chromium.new_context(
            base_url=self.house.hub.address, java_script_enabled=False, accept_downloads=True
        )
        self.page = self.context.new_page()

    def mail(self, to, subject):
        """A mail, once it has come."""

        def found():
            return [
                one
                for one in list(self.inbox.messages)
                if one["To"] == to and one["Subject"].startswith(subject)
            ]

        return until(found)[0]

    def order(self):
        """The order as its issuer's program reads it."""
        told = self.house.authority.get(f"/api/v1/orders/{self.house.told['order']}")
        assert told.status_code == 200, told.text
        return told.json()

    def referral(self):
        told = self.house.authority.get(f"/api/v1/referrals/{self.house.told['referral']}")
        assert told.status_code == 200, told.text
        return told.json()

    def close(self):
        self.context.close()
        self.house.close()


@pytest.fixture
def stage(chromium, tmp_path):
    with server() as inbox:
        made = Stage(chromium, tmp_path, inbox)
        yield made
        made.close()


def opened(stage, mail):
    """Follow the link of a mail, as its reader does."""
    words = mail.get_body(("plain",)).get_content()
    assert URL not in words
    link = re.search(r"https://hub\.example(/acknowledge/\S+)", words)[1]
    stage.page.goto(link)
    return link


def test_an_order_and_a_referral_reach_whoever_has_a_mail_box_and_nothing_else(stage):
    order_is_answered_by_annex_two(stage)
    referral_is_answered(stage)
    assert "Copy of removal order" in stage.mail("tco@unit.example", "Copy")["Subject"]
    assert stage.house.ledger_has_no_gap()


def order_is_answered_by_annex_two(stage):
    mail = stage.mail("me@one-person.example", "REMOVAL ORDER")
    files = {one.get_filename(): one.get_content() for one in mail.iter_attachments()}
    paper = next(one for name, one in files.items() if name.endswith(".pdf"))
    assert URL in "".join(text_of(paper).split())
    link = opened(stage, mail)
    assert stage.order()["state"] == "issued"  # it was sent, and opened, and nobody has it yet
    with stage.page.expect_download() as fetched:
        stage.page.get_by_role("link", name="-as-shown.json", exact=False).first.click()
    shown = fetched.value.path().read_bytes()
    assert json.loads(shown)["values"]["urls"] == [URL]
    stage.page.get_by_role("button", name="Acknowledge").click()
    told = stage.order()
    assert (told["state"], [one["via"] for one in told["receipts"]]) == ("received", ["link"])
    assert hashlib.sha256(shown).hexdigest() in stage.page.content()
    stage.page.goto(link)
    stage.page.get_by_role("link", name="Confirm removal (Annex II)").click()
    stage.page.get_by_label("the terrorist content has been removed").check()
    stage.page.get_by_label("Name of the authorised person").fill("The one person")
    stage.page.get_by_role("button", name="Send Annex II").click()
    expect(stage.page.locator("main")).to_contain_text("Answered by Annex II")
    told = stage.order()
    assert (told["state"], told["measure"]) == ("executed", "removed")
    assert told["answers"][0]["values"]["contact_mail"] == "me@one-person.example"


def referral_is_answered(stage):
    opened(stage, stage.mail("me@one-person.example", "Referral"))
    assert "voluntary" in stage.page.content()
    stage.page.get_by_role("link", name="Answer the referral").click()
    stage.page.locator("[name=answer][value=geo_blocked]").check()
    expect(stage.page.get_by_label("Countries where it is blocked")).to_be_visible()
    stage.page.locator("[name=answer][value=not_found]").check()
    expect(stage.page.get_by_label("Countries where it is blocked")).to_be_hidden()
    stage.page.get_by_role("button", name="Send the answer").click()
    assert "The sender is notified" in stage.page.content()
    told = stage.referral()
    assert (told["state"], told["received_via"]) == ("not_found", "link")
