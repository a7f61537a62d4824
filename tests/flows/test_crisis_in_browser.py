# SPDX-License-Identifier: Apache-2.0
"""A whole crisis: four people of three parties, each in a browser, each seeing the others act."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.fingerprints.pictures import encoded, photo
from tests.flows.conftest import digest, row
from tests.flows.duty import PARTY, Duty
from tests.rounds import rounds

pytestmark = [pytest.mark.flow, pytest.mark.browser]

NAME = "Attack at the harbour"
LINE = "The police are there. Share no films."


@pytest.fixture
def duty(chromium, house):
    made = Duty(chromium, house)
    yield made
    made.close()


def test_a_crisis_is_lived_through_by_four_people_of_three_parties(duty):
    path = warn(duty)
    for chapter in rounds(QUICK, nightly=CHAPTERS):
        chapter(duty, path)
    print(duty.told())
    assert {one.email: one.complaints for one in duty.people if one.complaints} == {}


def warn(duty):
    """An early warning: authorities and agencies see it at once, a provider nothing."""
    for one in duty.people[1:]:
        one.goto("/")
    page = duty.officer.page
    page.goto("/crises/new")
    page.get_by_label("What happened, in a few words").fill(NAME)
    page.get_by_label("When did it happen?").fill("2026-01-01T10:00")
    page.get_by_label("Countries concerned").fill("BE, FR")
    page.get_by_label("Framework").select_option("eucp-2023")
    page.get_by_label("What is known (optional)").fill("Filmed by its perpetrator.")
    button = page.get_by_role("button", name="Raise the warning")
    duty.act(
        "an early warning",
        button.click,
        seen_by=(duty.second, duty.agency),
        where="main",
        text=NAME,
    )
    page.wait_for_url(re.compile("/crises/[0-9a-f]"))
    path = page.url.removeprefix(duty.house.hub.address)
    expect(duty.provider.page.locator("main")).not_to_contain_text(NAME)
    assert duty.provider.goto(path) == 404
    duty.provider.goto("/")
    for one in duty.people[:3]:
        assert one.goto(path) == 200
    return path


def triage_and_check(duty, path):
    """Rated, six tests answered with evidence, one national measure; by turns."""
    rate = duty.officer.fill_verb("triage", harm="4", virality="3")
    duty.act(
        "triage",
        rate.click,
        seen_by=(duty.second, duty.agency),
        where="#block-next",
        text="harm 4, virality 3",
    )
    duty.officer.goto(path)
    tests = duty.officer.page.locator("[id^=verb-answer-]:not([id$=-name]):not([id$=-form])")
    names = [one.get_attribute("id").removeprefix("verb-answer-") for one in tests.all()]
    assert len(names) == 6
    for number, name in enumerate(names, start=1):
        who = (duty.officer, duty.second, duty.agency)[number % 3]
        others = [one for one in duty.people[:3] if one is not who]
        who.goto(path)
        said = who.fill_verb("answer", name, answer="yes", evidence=f"Evidence {number}.")
        duty.act(
            f"test {number} of 6",
            said.click,
            seen_by=others,
            where="#block-checks",
            text=f"{number} yes of 6",
        )
        for one in others:
            one.says("#block-checks", f"Evidence {number}.")
    duty.agency.goto(path)
    measure = duty.agency.fill_verb(
        "measure", country="BE", measure="referrals", insufficient="The hosts are abroad."
    )
    duty.act(
        "a national measure",
        measure.click,
        seen_by=(duty.officer, duty.second),
        where="#block-checks",
        text="The hosts are abroad.",
    )


def activate(duty, path):
    """Two parties: nobody of the party that proposes confirms, whatever they send."""
    duty.officer.goto(path)
    propose = duty.officer.fill_verb("propose-activate", reason="It crosses borders.")
    duty.act(
        "a proposal to activate",
        propose.click,
        seen_by=(duty.second, duty.agency),
        where="#block-next",
        text="It crosses borders.",
    )
    duty.officer.goto(path)
    confirm = "Confirm as the second person"
    field = duty.agency.page.locator("form[action$='/do/confirm'] input[name=target]")
    proposal = field.get_attribute("value")
    for person in (duty.officer, duty.second):
        expect(person.page.get_by_role("button", name=confirm)).to_have_count(0)
        assert person.post(f"{path}/do/confirm", target=proposal) == 403
    duty.act(
        "the second party confirms",
        duty.agency.page.get_by_role("button", name=confirm).click,
        seen_by=(duty.officer, duty.second),
        where="#block-ledger",
        text="activated the protocol",
    )


def invite(duty, path):
    """A provider sees nothing before its invitation, little before it joins, and then the room."""
    assert duty.provider.goto(path) == 404
    duty.provider.goto("/")
    duty.agency.goto(path)
    ask = duty.agency.fill_verb("invite", parties=PARTY)
    duty.act("an invitation", ask.click, seen_by=(duty.provider,), where="main", text=NAME)
    duty.second.says("#block-people", "Big Videos")
    assert duty.provider.goto(path) == 200
    expect(duty.provider.page.locator("#block-checks, #block-log")).to_have_count(0)
    duty.second.goto(path)
    duty.agency.goto(path)
    join = duty.provider.page.get_by_role("button", name="Join this crisis")
    duty.act(
        "a provider joins",
        join.click,
        seen_by=duty.people[:3],
        where=f"#participant-{PARTY}",
        text="takes part",
    )
    duty.provider.says("#block-checks", "6 yes of 6")
    duty.provider.goto(path)
    # The page of before may hear of the room's blocks, which it has not, while it is being left.
    heard = duty.provider.complaints
    heard[:] = [one for one in heard if not one.startswith("htmx:oobErrorNoTarget")]


def share(duty, path):
    """A signal from the authority's own system, and a preview that its officer sends."""
    crisis = path.rpartition("/")[2]
    shared = []
    duty.act(
        "a signal",
        lambda: shared.extend(
            duty.house.share([row(digest(), labels=["manifesto"], crisis=crisis)])["signals"]
        ),
        seen_by=duty.people,
        where="#block-clusters",
        text="Manifesto",
    )
    signal = shared[0]["id"]
    page = duty.officer.page
    page.goto(f"/signals/{signal}/preview")
    picture = {
        "name": "still.png",
        "mimeType": "image/png",
        "buffer": encoded(photo("coffee.png"), "PNG"),
    }
    page.get_by_label("A picture").set_input_files(picture)
    duty.act(
        "a preview",
        page.get_by_role("button", name="Send it").click,
        seen_by=duty.people[1:],
        where="#block-clusters",
        text="Preview",
    )
    duty.officer.goto(path)


def look(duty, path):
    """Behind a veil first, for a purpose; a look is counted for who looks, and for nobody else."""
    page = duty.agency.page
    page.locator("#block-clusters").get_by_role("link", name="Preview").click()
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Open blurred preview").click()
    still = page.locator(".look__still")
    veiled = page.request.get(still.get_attribute("src")).body()
    expect(page.get_by_text("Previews you opened: 1 today, 1 in this crisis.")).to_be_visible()
    page.get_by_role("button", name="Show without blur").click()
    expect(page.get_by_role("heading", name="Preview, not blurred")).to_be_visible()
    assert len(page.request.get(still.get_attribute("src")).body()) > 2 * len(veiled)
    duty.agency.goto(path)
    duty.agency.says("#block-clusters", "you looked at a variant of it")
    expect(duty.second.page.locator("#block-clusters")).not_to_contain_text("Previews you opened")


def meet(duty, _path):
    """What the provider's agent meets arrives on every page; its interval is part of the time."""
    (value,) = duty.house.rows("SELECT value FROM signals_signal ORDER BY id")[0]
    agent = duty.house.agent(PARTY)
    duty.house.caught_up(agent)
    duty.act(
        "a sighting of a real agent",
        lambda: duty.house.match(agent, [{"ref": "upload-1", "sha256": value}]),
        seen_by=duty.people,
        where="#block-clusters",
        text="seen, 1 blocked",
    )


def speak(duty, path):
    """A message, and a public line that is proposed by one party and agreed to by another."""
    page = duty.provider.page
    duty.provider.goto(f"{path}/log")
    page.get_by_label("Message", exact=True).fill("It is up on three services.")
    send = page.locator("form[action$='/log/post'] button[type=submit]")
    duty.act(
        "a message",
        send.click,
        seen_by=duty.people[:3],
        where="#block-log",
        text="It is up on three services.",
    )
    duty.provider.goto(path)
    duty.officer.goto(f"{path}/lines")
    duty.officer.page.get_by_label("What may be said in public").first.fill(LINE)
    duty.act(
        "a public line",
        duty.officer.page.get_by_role("button", name="Propose it").click,
        seen_by=duty.people[1:],
        where="#block-lines",
        text=LINE,
    )
    duty.officer.goto(path)
    agree = duty.agency.page.locator("#block-lines").get_by_role("button", name="Agree")
    duty.act(
        "a line is agreed",
        agree.click,
        seen_by=(duty.officer, duty.second, duty.provider),
        where="#block-lines",
        text="agreed, may be used",
    )
    duty.agency.goto(path)


def report_a_life_in_danger(duty, path):
    """A lead to the agency: the agency has it at once, the authority sees no trace of it."""
    page = duty.provider.page
    page.goto(f"/leads/new?crisis={path.rpartition('/')[2]}")
    page.get_by_label("How much is known?").select_option("high_specific")
    page.get_by_role("checkbox").first.check()
    page.get_by_label("What you know").fill("Somebody announces an attack at six.")
    page.get_by_label("Why you think that a life is in danger").fill("He shows a rifle.")
    page.locator("[name=callback]").fill("+32 2 555 0199")
    duty.act(
        "a lead to a threat to life",
        page.get_by_role("button", name="Report it").click,
        seen_by=(duty.agency,),
        where="#block-leads",
        text="Big Videos →",
    )
    page.wait_for_url(re.compile("/leads/[0-9a-f]{8}"))
    lead = page.url.removeprefix(duty.house.hub.address)
    for one in (duty.officer, duty.second):
        assert one.goto(lead) == 404
        one.goto(path)
        one.says("#block-leads", "There is no lead that you may see.")
    duty.provider.goto(path)


def calm_and_close(duty, _path):
    """A review keeps it live; it calms down; two people close it."""
    keep = duty.officer.fill_verb("keep", reason="Variants still come.", next_h="12")
    duty.act(
        "a review",
        keep.click,
        seen_by=duty.people[1:],
        where="#block-ledger",
        text="reviewed a crisis and kept it",
    )
    calm = duty.second.fill_verb("deescalate", reason="Fewer variants.")
    duty.act(
        "it calms down",
        calm.click,
        seen_by=(duty.agency, duty.provider),
        where="#block-ledger",
        text="de-escalated a crisis",
    )
    choose_what_stays(duty)
    end = duty.second.fill_verb("propose-close", reason="It is over.")
    duty.act(
        "a proposal to close",
        end.click,
        seen_by=(duty.agency,),
        where="#block-next",
        text="It is over.",
    )
    confirm = duty.agency.page.get_by_role("button", name="Confirm as the second person")
    duty.act(
        "closed",
        confirm.click,
        seen_by=(duty.second, duty.provider),
        where="#block-head",
        text="Late variants may still be shared",
    )


def choose_what_stays(duty):
    """Closing waits for a leading party to say which signals stay; what was shared is adopted."""
    page = duty.second.page
    room = page.url
    page.get_by_role("link", name="Choose which signals stay after this crisis").click()
    expect(page.get_by_text("not answered yet")).to_be_visible()
    ticked = page.locator("input[name=signal]:checked")
    assert ticked.count() == page.locator("input[name=signal]").count() > 0
    page.get_by_role("button", name="Adopt the selected").click()
    expect(page.get_by_text("Adopted.", exact=True)).to_be_visible()
    expect(page.locator(".mark--good").first).to_have_text("adopted")
    page.get_by_label("No more stay than are adopted now").check()
    page.get_by_role("button", name="Save the answer").click()
    expect(page.get_by_text("Answered.", exact=True)).to_be_visible()
    page.goto(room)


def stay_open_for_late_ones(duty, path):
    """The tail: a late variant is accepted, and seen."""
    for one in duty.people:
        one.goto(path)
    late = row(digest(), labels=["livestream"], crisis=path.rpartition("/")[2])
    duty.act(
        "a late signal",
        lambda: duty.house.share([late]),
        seen_by=duty.people,
        where="#block-clusters",
        text="Livestream",
    )


def report(duty, path):
    """Written by one, agreed by another, published."""
    page = duty.officer.page
    page.goto(f"{path}/report")
    duty.act(
        "a report is opened",
        page.get_by_role("button", name="Open a report").click,
        seen_by=duty.people[1:],
        where="#block-ledger",
        text="opened a post-crisis report",
    )
    page.wait_for_url(re.compile("/reports/[0-9a-f]"))
    address = page.url.removeprefix(duty.house.hub.address)
    sections = page.locator("textarea[name^=text-]")
    for number in range(sections.count()):
        sections.nth(number).fill(f"What is to be said, part {number}.")
    page.get_by_label("Note", exact=True).fill("Half a note")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Note", exact=True)).to_have_value("Half a note")
    for number in range(sections.count()):
        expect(sections.nth(number)).to_have_value(f"What is to be said, part {number}.")
    expect(page.get_by_role("button", name="Agree to this report")).to_have_count(0)
    duty.agency.goto(address)
    duty.agency.page.get_by_role("button", name="Agree to this report").click()
    expect(duty.agency.page.get_by_text("Agreed. An edit makes")).to_be_visible()
    page.goto(address)
    page.get_by_label("Who reads it").select_option("parties")
    duty.act(
        "a report is published",
        page.get_by_role("button", name="Publish").click,
        seen_by=(duty.second, duty.provider),
        where="#block-ledger",
        text="published a post-crisis report",
    )
    assert duty.provider.goto(address) == 200
    duty.provider.says("main", "What is to be said, part 0.")


def take_along(duty, path):
    """The timeline as files."""
    page = duty.agency.page
    page.goto(f"{path}/timeline")
    with page.expect_download() as paper:
        page.get_by_role("button", name="Export as PDF").click()
    assert paper.value.path().read_bytes().startswith(b"%PDF-")
    with page.expect_download() as data:
        page.get_by_role("button", name="Export as JSON").click()
    kinds = [one["kind"] for one in json.loads(data.value.path().read_text("utf-8"))["entries"]]
    assert kinds[0] == "crisis.warned"
    for kind in ("crisis.activated", "participant.joined", "crisis.closed", "report.published"):
        assert kind in kinds


CHAPTERS = (
    *(triage_and_check, activate, invite, share, look, meet, speak, report_a_life_in_danger),
    *(calm_and_close, stay_open_for_late_ones, report, take_along),
)
"""What follows the warning."""

QUICK = (triage_and_check, activate, invite, share, report_a_life_in_danger)
"""The chapters that show what each party may do and see, for the short suite."""
