# SPDX-License-Identifier: Apache-2.0
"""What the documentation says is what the program does."""

import ast
import re
import runpy
from dataclasses import fields
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from stemtide.agent.config.settings import Config, Rule, Transparency, Unread, WebhookSettings
from stemtide.hub.rooms.ledger.rules.ledger import OPEN_TO
from stemtide.protocol.enums import PartyKind, Scope
from stemtide.protocol.handling import PAP_ALLOWS, TLP_ALLOWS
from stemtide.protocol.labels import labels
from stemtide.protocol.law.frameworks import frameworks
from tests.house import architecture, diagrams

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src/stemtide"
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
IN_THE_HOUSE = {"STEMTIDE_AGENT_", "STEMTIDE_AGENT_TOKEN"}
"""Not settings of a process: the prefix, and what `stemtide match` shows an agent."""


def read(name):
    return (ROOT / name).read_text("utf-8")


def rows(text):
    """The cells of every row of every table, without headings' rulers."""
    found = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [cells for cells in found if not set("".join(cells)) <= set("-: ")]


def table(text, first):
    """The rows of the table whose first heading is this."""
    found = []
    is_inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            is_inside = False
        elif is_inside:
            found += rows(line)
        elif line.split("|")[1].strip() == first:
            is_inside = True
    return found


def spoken(words):
    return ", ".join(sorted(str(word) for word in words))


def section(text, heading):
    """What stands below a heading, up to the next one of its height."""
    height = heading.split(" ")[0]
    below = text.split(f"\n{heading}", 1)[1]
    return re.split(rf"\n{height} ", below, maxsplit=1)[0]


# Settings


def command_help():
    """The help of every command, as the site shows it."""
    return runpy.run_path(str(ROOT / "docs/site/commands.py"))["page"]()


def settings_in_source():
    named = set()
    for path in SRC.rglob("*.py"):
        named |= set(re.findall(r"STEMTIDE_[A-Z_]*[A-Z_]", path.read_text("utf-8")))
    return named - IN_THE_HOUSE


def test_every_setting_is_documented():
    told = "".join(path.read_text("utf-8") for path in (ROOT / "docs/run").glob("*.md"))
    told += command_help()
    assert {one for one in settings_in_source() if not re.search(rf"{one}\b", told)} == set()


def test_secrets_of_the_hub_may_lie_in_files_and_the_page_says_so():
    found = set(re.findall(r'_secret\("(STEMTIDE_\w+)"\)', read("src/stemtide/hub/settings.py")))
    told = read("docs/run/hub.md")
    assert found
    assert {one for one in found if f"{one}_FILE" not in told} == set()


def test_every_setting_of_the_agent_is_documented():
    told = read("docs/run/agent.md") + read("docs/use/agent.md")
    inner = {"policies", "webhook", "transparency", "key_path"}
    kinds = (Config, Rule, WebhookSettings, Transparency, Unread)
    names = {one.name for kind in kinds for one in fields(kind)} - inner
    assert {one for one in names if f"`{one}`" not in told and f"{one} =" not in told} == set()


# The ledger


@cache
def kinds_in_source():
    """Every thing.past_participle that a writer names."""
    return {
        node.value
        for path in SRC.rglob("*.py")
        if path.name == "writes.py" or "writes" in path.parent.parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z_]+\.([a-z]+(ed|en|wn)|left|sent|held|met|read)", node.value)
    }


def kinds_appended():
    """Kinds that stand in the very call: a check on the pattern above."""
    pattern = re.compile(r'(?:ledger\.append|_record)\(\s*"([^"]+)"')
    return {kind for path in SRC.rglob("*.py") for kind in pattern.findall(path.read_text("utf-8"))}


def test_every_ledger_kind_is_documented():
    told = {cells[0].strip("`") for cells in table(read("docs/understand/ledger.md"), "kind")}
    assert kinds_appended() <= kinds_in_source()
    assert told == kinds_in_source()


def test_the_page_says_who_reads_the_ledger():
    told = table(read("docs/understand/ledger.md"), "entries about")
    everyone = frozenset(PartyKind)
    words = {
        everyone: "every party",
        everyone - {PartyKind.OBSERVER}: "every party but observers",
        frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY, PartyKind.CONSORTIUM}): (
            "authorities, agencies, consortia"
        ),
        frozenset({PartyKind.AGENCY}): "agencies",
    }
    open_to = {
        thing.strip(" `"): who
        for things, who in told
        for thing in things.split(",")
        if thing.startswith("`") or "`" in thing
    }
    assert open_to == {thing: words[kinds] for thing, kinds in OPEN_TO.items()}


# Words


def test_every_label_is_in_the_glossary():
    told = {cells[0].strip("`"): cells[1:] for cells in table(read("docs/glossary.md"), "label")}
    assert told.keys() == labels().keys()
    for name, label in labels().items():
        title, meaning = told[name]
        assert title == label.title
        assert meaning.startswith(label.meaning)
        assert (label.refuse_to or "") in meaning


@pytest.mark.parametrize("word", [*PartyKind, *Scope])
def test_a_word_of_the_protocol_is_in_the_glossary(word):
    told = read("docs/glossary.md")
    assert f"**{word}**" in told or f"`{word}`" in told


# Handling


def test_the_tlp_table_is_what_the_code_does():
    told = table(read("docs/understand/handling.md"), "TLP")
    assert told == [
        [
            tlp.upper(),
            "yes" if allowance.needs_audience else "no",
            spoken(allowance.to_kinds) or "nobody",
            allowance.onward,
        ]
        for tlp, allowance in TLP_ALLOWS.items()
    ]


def test_the_pap_table_is_what_the_code_does():
    told = [[pap, action] for pap, _, action in table(read("docs/understand/handling.md"), "PAP")]
    assert told == [[pap.upper(), str(action)] for pap, action in PAP_ALLOWS.items()]


# Frameworks


def test_the_page_of_frameworks_says_what_the_data_says():
    told = read("docs/understand/frameworks.md")
    assert told == diagrams.page(), "python -m tests.house.diagrams"


def test_the_page_of_machines_is_what_their_data_says():
    assert read("docs/understand/machines.md") == diagrams.machines_page()


def test_a_file_that_the_code_names_is_there():
    """Docstrings and data name files by the end of their path: a move must not forget them."""
    files = [f"/{path.relative_to(ROOT)}" for path in ROOT.glob("*.py")]
    for folder in ("src", "tests", "benchmarks"):
        files += [f"/{path.relative_to(ROOT)}" for path in (ROOT / folder).rglob("*.py")]
    sources = [*SRC.rglob("*.py"), *SRC.rglob("*.toml")]
    missing = [
        f"{path.relative_to(ROOT)} names {name}"
        for path in sources
        for name in re.findall(r"(?<![\w./-])((?:\w+/)*\w+\.py)\b", path.read_text("utf-8"))
        if not any(file.endswith(f"/{name}") for file in files)
    ]
    assert missing == []


def test_the_architecture_page_draws_the_imports_that_there_are():
    assert read("docs/understand/architecture.md") == architecture.page(), (
        "python -m tests.house.architecture"
    )


@pytest.mark.parametrize("name", frameworks())
def test_the_diagram_of_a_framework_has_its_moves_and_no_other(name):
    framework = frameworks()[name]
    told = section(read("docs/understand/frameworks.md"), f"### `{name}`")
    told = told.split("```")[1]
    drawn = re.findall(r"^ +(\S+) --> ([^\s:]+)", told, re.MULTILINE)
    moves = [(stage.name, move) for stage in framework.stages.values() for move in stage.moves]
    ends = [("[*]", framework.first_stage), (framework.ended_stage, "[*]")]
    assert sorted(drawn) == sorted(moves + ends)


@pytest.mark.parametrize("name", frameworks())
def test_the_checklist_is_what_the_data_asks(name):
    told = table(read("docs/understand/frameworks.md"), "test")
    assert told == [
        [f"`{one.name}`", one.question, one.source] for one in frameworks()[name].tests.values()
    ]


# Links


def anchors(path):
    """The anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings]
    return set(plain)


def links(path):
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    return [one for one in found if "://" not in one and not one.startswith("mailto:")]


def test_every_link_leads_somewhere():
    lost = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in PAGES
        for link in links(path)
        if not leads_somewhere(link, path=path)
    ]
    assert lost == []


def leads_somewhere(link, *, path):
    """Whether a link on a page leads to a file of the repository, and to a heading in it."""
    target, _, anchor = unquote(link).partition("#")
    page = (path.parent / target).resolve() if target else path
    is_there = page.exists() and page.is_relative_to(ROOT)
    return is_there and (not anchor or anchor in anchors(page))


def test_every_page_can_be_reached_from_the_first():
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        waiting += [(page.parent / unquote(one).partition("#")[0]).resolve() for one in links(page)]
    assert {str(one.relative_to(ROOT)) for one in PAGES if one not in seen} == set()


def test_every_decision_is_listed():
    told = read("docs/decide/README.md")
    pages = sorted((ROOT / "docs/decide").glob("0*.md"))
    numbers = [one.name[:4] for one in pages]
    assert len(set(numbers)) == len(numbers)
    assert [one.name for one in pages if f"({one.name})" not in told] == []
