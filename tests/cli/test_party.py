# SPDX-License-Identifier: Apache-2.0
def test_a_party_says_how_it_is_reached(stemtide, tmp_path):
    def at_hub(*words):
        return stemtide(*words, STEMTIDE_DATA_DIR=str(tmp_path))

    assert at_hub("party", "add", "be-cc", "--kind", "authority", "--country", "BE").code == 0
    adding = ["party", "contact", "be-cc", "--address", "desk@be-cc.example"]
    added = at_hub(*adding, "--channel", "mail", "--language", "fr", "--always")
    assert added.code == 0, added.err
    (row,) = at_hub("party", "contacts", "--json").rows
    assert (row["party"], row["address"], row["is_24_7"]) == ("be-cc", "desk@be-cc.example", True)
    assert row["languages"] == ["fr"]
    wrong = at_hub(*adding, "--channel", "pigeon")
    assert (wrong.code, "known are mail, phone, url" in wrong.err) == (1, True)
