# SPDX-License-Identifier: Apache-2.0
"""The set-up installs two lists of packages side by side, and nothing twice."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def load():
    """Return the module that sets a checkout up."""
    spec = importlib.util.spec_from_file_location("install", ROOT / ".ci/install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_lists_together_are_the_longer_lock_file(monkeypatch):
    module, given = load(), []

    def keep(_what, arguments):
        given.append((arguments, module.requirements(Path(arguments[-1]))))
        return 0

    monkeypatch.setattr(module, "install", keep)
    locks = [ROOT / "requirements-dev.lock", ROOT / "requirements.lock"]
    assert module.install_rest("tests", [str(lock) for lock in locks]) == 0
    ((arguments, rest),) = given
    assert "--require-hashes" in arguments
    assert all("--hash=sha256:" in one for one in rest)
    longer, shorter = (
        {module.first_line(one) for one in module.requirements(lock)} for lock in locks
    )
    lines = {module.first_line(one) for one in rest}
    assert lines | shorter >= longer
    assert not lines & shorter
    assert 100 < len(lines) < len(longer)


def test_a_package_in_both_lists_has_the_same_versions():
    module = load()

    def versions(lock):
        found = {}
        for one in module.requirements(ROOT / lock):
            name, _, version = module.first_line(one).partition("==")
            found.setdefault(name, set()).add(version.split()[0])
        return found

    shorter, longer = versions("requirements.lock"), versions("requirements-dev.lock")
    assert {name: longer[name] for name in shorter} == shorter


def test_the_lock_file_names_no_registry():
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text("utf-8")
    assert not (ROOT / "uv.lock").exists()
