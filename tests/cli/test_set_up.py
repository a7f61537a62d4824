# SPDX-License-Identifier: Apache-2.0
"""The operator prints the link that sets up a new hub."""


def test_a_link_is_printed_until_the_hub_has_a_party(stemtide, hub_folder):
    at = ("--data-dir", hub_folder)
    words = ("hub", "set-up", "--address", "https://hub.example.eu/", "--json", *at)
    first, second = (stemtide(*words).rows[0]["link"] for _ in range(2))
    assert first.startswith("https://hub.example.eu/set-up/")
    assert first != second
    stemtide("party", "add", "agency", "--kind", "agency", *at)
    late = stemtide(*words)
    assert (late.code, late.out, "has a party already" in late.err) == (1, "", True)
