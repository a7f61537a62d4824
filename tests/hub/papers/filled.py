# SPDX-License-Identifier: Apache-2.0
"""Forms and a referral, filled in with what nobody would mistake for real."""

from uuid import UUID

from stemtide.protocol.messages.referrals import ReferralOut
from tests.world import NOON

LONG_URL = "https://files.example/" + "a1b2c3d4e5" * 12 + "?page=2&part=of%20it#here"

ORDER = {
    "issuing_state": "BE",
    "addressee": "Small Video SRL",
    "contact_point": "orders@small-video.example",
    "home_state": "FR",
    "issued_at": "2026-11-24T12:00:00Z",
    "reference": "RO-2026-00001",
    "urls": ["https://small-video.example/watch/1", LONG_URL],
    "location": "From minute two on.\nThe second of three parts.",
    "grounds": ["a", "d"],
    "reasons": "It shows how to do it & says *that* it should be done. $x$ #panic() <b>",
    "non_disclosure": False,
    "cross_border": True,
    "copy_sent": True,
    "authority_type": "law_enforcement",
    "authority_name": "Crisis Centre",
    "representative": "Commissioner A",
    "file_number": "BE/2026/7",
    "authority_address": "Street 1\n1000 Brussels",
    "authority_phone": "+32 2 555 01 99",
    "authority_mail": "duty@crisis.example",
    "signed_on": "2026-11-24",
    "signature": "Commissioner A",
    "feedback_contact": "duty@crisis.example, day and night",
    "home_contact": "orders@fr.example",
    "redress_authority": "Reconsideration by the Crisis Centre",
    "redress_body": "Court of First Instance",
    "redress_deadline": "30 days from receipt",
    "redress_link": "https://law.example/article/7",
}

ANSWER = {
    "addressee": "Small Video SRL",
    "authority_name": "Crisis Centre",
    "reference": "RO-2026-00001",
    "received_at": "2026-11-24T12:00:10Z",
    "measure": "removed",
    "measure_at": "2026-11-24T12:31:00Z",
}


def referral(**facts):
    plain = {
        "id": UUID(int=7),
        "reference": "RF-2026-00001",
        "state": "sent",
        "standing": True,
        "sender": "eu-referral-unit",
        "provider": "big-video",
        "url": LONG_URL,
        "content_type": "video",
        "language": "ar",
        "ideology": "jihadist",
        "labels": ["propaganda"],
        "terms": "Community rules, section 4",
        "reason": "It glorifies an attack.",
        "crisis": None,
        "signals": [],
        "batch": None,
        "exercise": False,
        "assessed_at": None,
        "decided_at": None,
        "drop_reason": None,
        "drop_note": "",
        "held_at": None,
        "freed_at": None,
        "override": "",
        "despite": "",
        "sent_at": NOON,
        "received_at": None,
        "received_via": None,
        "acknowledged_at": None,
        "answered_at": None,
        "answer": None,
        "measure_at": None,
        "countries": [],
        "refusal_reason": None,
        "answer_note": "",
        "provider_reference": "",
        "questions": [
            {"question": "Which part?", "asked_at": NOON, "context": "All.", "given_at": NOON}
        ],
        "reinstated_at": None,
        "reinstate_note": "",
        "withdrawn_at": None,
        "take_back_reason": None,
        "take_back_note": "",
    }
    return ReferralOut(**plain | facts)
