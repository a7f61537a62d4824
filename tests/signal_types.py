# SPDX-License-Identifier: Apache-2.0
"""The packages of the pages on signal types, installed in a folder, and values of their types."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.kinds import Fingerprint, Fingerprints, Kind
from stemtide.fingerprints.values.external import ExternalValue

PAGES = Path(__file__).parents[1] / "docs/use/connect"
PAGE = PAGES / "signal-types.md"
TMK_PAGE = PAGES / "tmk.md"
BLOCK = re.compile(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)
MISSING = ExternalValue("vendor.missing", b"\x01\x02").to_bytes()
"""A value of a type that no package brings."""


def install(folder, *, page=PAGE, spoil=lambda text: text):
    """Install a page's package into a folder, as pip does."""
    files = dict(BLOCK.findall(page.read_text("utf-8")))
    project = tomllib.loads(files["pyproject.toml"])["project"]
    module = project["name"].replace("-", "_")
    (folder / f"{module}.py").write_text(spoil(files[f"{module}.py"]), "utf-8")
    facts = folder / f"{module}-1.0.dist-info"
    facts.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (facts / "METADATA").write_text(head, "utf-8")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (facts / "entry_points.txt").write_text("\n".join(lines), "utf-8")


def forget():
    for module in ("example_mean", "example_tmk"):
        sys.modules.pop(module, None)
    installed_types.cache_clear()


def value_of(found, text):
    return ExternalValue(found.name, found.from_text(text)).to_bytes()


def queries(value):
    return Fingerprints((Fingerprint(Kind.EXTERNAL, value),))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on the path for packages; what it brings is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield tmp_path
    forget()
