# SPDX-License-Identifier: Apache-2.0
"""Read the review pages of agents that people sign in to through the hub."""

from dataclasses import dataclass

from allauth.idp.oidc.models import Client

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Agent, Party, Person
from stemtide.hub.rooms.parties.rules import review_pages as rules
from stemtide.protocol.enums import Role

_PREFIX = "agent-"


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """The review page of an agent. address: where its people return after they signed in."""

    agent: str
    party: str
    title: str
    address: str


def client_id(agent: Agent) -> str:
    """Return the id of an agent as a client of the hub's OpenID provider."""
    return f"{_PREFIX}{agent.pk}"


@needs_no_viewer("whoever wants to sign in has the id from the agent; the rules then ask for whom")
def review_page(client: str) -> ReviewPage:
    """Return the review page of a client of the OpenID provider. raises: NotFoundError."""
    number = client.removeprefix(_PREFIX)
    row = Client.objects.filter(pk=client).first()
    agent = (
        Agent.objects.filter(pk=int(number)).select_related("party").first()
        if row and client.startswith(_PREFIX) and number.isascii() and number.isdecimal()
        else None
    )
    if row is None or agent is None:
        raise NotFoundError("no agent has this review page: open the page of your agent again")
    (address,) = row.get_redirect_uris()
    return ReviewPage(agent.name, agent.party.name, agent.party.title, address)


def check_may_review(page: ReviewPage, *, viewer: Person) -> None:
    """Refuse a person who may not review at a page. raises: NotAllowedError."""
    rules.check_may_review(Role(viewer.role), party=viewer.party.name, owner=page.party)


def reviewers(party: Party) -> list[str]:
    """Return the ids of a party's people who may review now; none while it is suspended."""
    if party.is_suspended:
        return []
    people = Person.objects.filter(party=party, is_active=True, role__in=rules.ROLES)
    return [str(number) for number in people.order_by("pk").values_list("pk", flat=True)]
