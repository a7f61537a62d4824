# SPDX-License-Identifier: Apache-2.0
"""Organisations of a MISP at the command line."""

UUID = "55f6ea5e-2c60-40e5-964f-47a8950d210f"


def test_an_organisation_of_a_misp_is_noted_as_a_party_shown_and_removed(stemtide, hub_folder):
    at = ("--json", "--data-dir", hub_folder)
    stemtide("party", "add", "reader", "--kind", "consortium", *at)
    address = ("--address", "https://misp.example")
    more = ("--kind", "misp", "--party", "reader", "--direction", "push", *address)
    assert stemtide("exchange", "add", "push", *more, *at).code == 0
    noting = ("exchange", "organisation", "push", UUID)
    (row,) = stemtide(*noting, "--party", "reader", *at).rows
    assert row["terms"]["organisations"] == {UUID: "reader"}
    (row,) = stemtide("exchange", "show", "push", *at).rows
    assert (row["terms"]["organisations"], row["held_back"]) == ({UUID: "reader"}, 0)
    assert "no party 'nobody'" in stemtide(*noting, "--party", "nobody", *at).err
    for wrong in ((), ("--party", "reader", "--remove")):
        refused = stemtide(*noting, *wrong, *at)
        assert (refused.code, "--party NAME or --remove" in refused.err) == (2, True)
    (row,) = stemtide(*noting, "--remove", *at).rows
    assert row["terms"]["organisations"] == {}
