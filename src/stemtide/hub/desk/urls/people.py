# SPDX-License-Identifier: Apache-2.0
"""URLs of colleagues, parties and contact points."""

from django.urls import path

from stemtide.hub.desk.people import colleagues, contacts, dismissals, joining, parties

urlpatterns = [
    path("people", colleagues.colleagues, name="colleagues"),
    path("people/<int:number>/<slug:verb>", colleagues.act, name="colleague-act"),
    path("parties", parties.parties, name="parties"),
    path("parties/new/party", joining.new_party, name="party-new"),
    path("parties/<slug:name>/first-person", joining.first_person, name="first-person"),
    path("parties/<slug:name>", parties.party, name="party"),
    path("parties/<slug:name>/<slug:verb>", parties.act, name="party-act"),
    path("disputes/<uuid:uid>", dismissals.dismissal, name="dismissal"),
    path("disputes/<uuid:uid>/<slug:verb>", dismissals.act, name="dismissal-act"),
    path("contacts", contacts.contacts, name="contacts"),
    path("contacts/own", contacts.own_contacts, name="own-contacts"),
    path("contacts/own/new", contacts.contact, name="contact-new"),
    path("contacts/own/ladder", contacts.set_ladder, name="ladder"),
    path("contacts/own/<int:number>", contacts.contact, name="contact"),
    path("contacts/own/<int:number>/remove", contacts.remove_contact, name="contact-remove"),
]
