# SPDX-License-Identifier: Apache-2.0
"""What a receiver of webhooks asks for, and secrets that are kept nowhere."""

from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from stemtide.protocol.retry_after import LONGEST_RETRY_AFTER, retry_after
from stemtide.protocol.webhook_headers import derived_secret
from tests.world import NOON


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        ("0", 0),
        ("120", 120),
        ("Tue, 24 Nov 2026 12:05:00 GMT", 300),
        ("Tue, 24 Nov 2026 14:05:00 +0200", 300),
        ("Tue, 24 Nov 2026 12:05:00 -0000", 300),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("Tue, 99 Nov 2026 12:05:00 GMT", None),
    ],
    ids=ascii,
)
def test_retry_after_is_seconds_or_a_date_of_http(said, wait_s):
    wait = None if wait_s is None else timedelta(seconds=wait_s)
    assert retry_after(said, now=NOON) == wait


@pytest.mark.parametrize("said", ["86400", "9" * 5000, "Sat, 24 Nov 2096 12:05:00 GMT"], ids=len)
def test_nobody_is_left_alone_for_longer_than_the_bound(said):
    assert retry_after(said, now=NOON) == LONGEST_RETRY_AFTER


def test_a_derived_secret_signs_and_is_the_same_each_time():
    secret = derived_secret("the hub's own", "endpoint:1")
    assert secret == derived_secret("the hub's own", "endpoint:1")
    assert secret != derived_secret("the hub's own", "endpoint:2")
    assert secret != derived_secret("another", "endpoint:1")
    assert Webhook(secret).sign("id", NOON, "{}").startswith("v1,")
