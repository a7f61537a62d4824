# SPDX-License-Identifier: Apache-2.0
"""People of a party from a file: all of them or none, and nobody's role changes."""

import json
import stat

import pytest

from tests.rounds import rounds

CSV = "email,role,name\na@agency.example,analyst,Ada\nb@agency.example,duty_officer,\n"


@pytest.fixture
def at(stemtide, hub_folder):
    stemtide("party", "add", "agency", "--kind", "agency", "--data-dir", hub_folder)
    return ("--party", "agency", "--data-dir", hub_folder)


def people(stemtide, at):
    rows = stemtide("person", "list", "--json", *at).rows
    return [(row["email"], row["role"]) for row in rows]


def test_a_file_adds_people_with_a_link_for_each(stemtide, tmp_path, at):
    file = tmp_path / "people.csv"
    file.write_text("\ufeff" + CSV, "utf-8")
    tried = stemtide("person", "import", file, "--dry-run", *at)
    assert (tried.code, "invited/" in tried.out, people(stemtide, at)) == (0, False, [])
    done = stemtide("person", "import", file, "--json", *at)
    assert [row["role"] for row in done.rows] == ["analyst", "duty_officer"]
    assert len({row["link"].partition("invited/")[2] for row in done.rows}) == 2
    assert people(stemtide, at) == [
        ("a@agency.example", "analyst"),
        ("b@agency.example", "duty_officer"),
    ]


@pytest.mark.nightly
def test_links_go_to_a_file_of_their_owner(stemtide, tmp_path, at):
    file, out = tmp_path / "people.json", tmp_path / "links"
    file.write_text(json.dumps([{"email": "a@agency.example", "role": "analyst"}]), "utf-8")
    done = stemtide("person", "import", file, "--out", out, *at)
    assert (done.code, done.out) == (0, "")
    assert "invited/" in out.read_text("utf-8")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


WRONG = [
    (CSV + "old@agency.example,coordinator,\n", ["row 4: there is already a person"]),
    (CSV + "c@agency.example,king,\nnobody,analyst,\n", ["row 4: role:", "row 5: email:"]),
    (CSV + "A@agency.example,administrator,\n", ["row 4: the address is also in row 2"]),
    (CSV + "c@agency.example,,\n", ["row 4: role: is missing"]),
    (CSV + "c@agency.example,analyst,C,more\n", ["row 4: has a value without a column"]),
    ("email,role,party\na@b.example,analyst,rival\n", ["row 2: has the column party"]),
    ("email\na@b.example\n", ["lacks the column role"]),
    ("email,role\n", ["1 to 1000 rows"]),
]


@pytest.mark.parametrize(("text", "problems"), rounds(WRONG[:1], nightly=WRONG))
def test_one_wrong_row_adds_nobody(stemtide, tmp_path, at, text, problems):
    adding = ("person", "add", "old@agency.example", "--role", "observer", *at)
    assert stemtide(*adding).code == 0
    file = tmp_path / "people.csv"
    file.write_text(text, "utf-8")
    for more in rounds([[]], nightly=[[], ["--dry-run"]]):
        refused = stemtide("person", "import", file, *more, *at)
        assert refused.code == 1
        assert all(problem in refused.err for problem in problems), refused.err
        assert people(stemtide, at) == [("old@agency.example", "observer")]


NO_LIST = ["[1]", "{}", "[", '[{"email": 1, "role": "analyst"}]']


@pytest.mark.nightly
@pytest.mark.parametrize("text", NO_LIST)
def test_json_that_is_no_list_of_people_is_refused(stemtide, tmp_path, at, text):
    file = tmp_path / "people.json"
    file.write_text(text, "utf-8")
    refused = stemtide("person", "import", file, *at)
    assert (refused.code, people(stemtide, at)) == (1, [])
