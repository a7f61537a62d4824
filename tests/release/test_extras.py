# SPDX-License-Identifier: Apache-2.0
"""A hub and an agent install apart, and each runs with what its own extra brings."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import run_process
from tests.release.closures import installed_with
from tests.rounds import rounds

ROOT = Path(__file__).parents[2]
OF_OTHER_EXTRAS = {
    ("stemtide.fingerprints.image.local", "cv2"),
    ("stemtide.client.private_matching", "voprf"),
}
"""Modules that only an extra imports, each with what it is for."""
HIDE_DJANGO = """
import sys
sys.modules["django"] = sys.modules["uvicorn"] = None
from stemtide.cli.app import main
main()
"""


ROLES = [
    ("agent", ("agent", "catalogue")),
    ("", ("client", "fingerprints", "matching", "interop", "cli")),
]


@pytest.mark.parametrize(("extra", "packages"), rounds(ROLES[:1], nightly=ROLES))
def test_code_imports_only_what_its_extra_installs(extra, packages):
    words = [sys.executable, "-m", "tests.release.closures", extra, *packages]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    missing = {tuple(pair) for pair in json.loads(done.stdout)}
    assert missing <= OF_OTHER_EXTRAS


def test_an_agent_installs_without_the_web_framework_and_the_documents_of_a_hub():
    assert installed_with("agent").isdisjoint({"django", "django-ninja", "typst", "pyhanko"})
    assert {"django", "typst", "pyhanko"} <= installed_with("hub")


@pytest.mark.nightly
@pytest.mark.parametrize(("noun", "extra"), [("hub", "hub"), ("agent", "agent")])
def test_a_command_whose_extra_is_missing_names_it(noun, extra, tmp_path):
    config = tmp_path / "agent.toml"
    words = {"hub": ("hub", "keys"), "agent": ("agent", "start", "--config", config)}[noun]
    config.write_text('name = "a"\nhub_url = "http://127.0.0.1:1"\nkey_file = "k"\n')
    said = run_process(*words, program=(sys.executable, "-c", HIDE_DJANGO))
    assert said.code == 2
    assert said.err.endswith(f"pip install 'stemtide[{extra}]'\n")
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("role", ["hub", "agent"])
def test_a_release_installs_the_versions_that_the_tests_ran_with(role):
    lines = locked(f"deploy/{role}.lock")
    assert lines <= locked("requirements.lock")
    assert installed_with(role) <= {line.partition("==")[0] for line in lines}


def locked(name):
    """The lines of a lock file that name a version."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {line.strip(" \\") for line in lines if re.match(r"[a-z]", line)}
