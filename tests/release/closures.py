# SPDX-License-Identifier: Apache-2.0
"""Which packages an install of Stemtide with an extra brings: python -m tests.release.closures.

python -m tests.release.closures EXTRA PACKAGE … imports all modules of our packages in a process
where nothing else can be imported, and prints what is missing, as JSON.
"""

import importlib
import json
import pkgutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def installed_with(extra):
    """Names of the packages that `pip install stemtide[extra]` installs. "": without an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    waiting = [Requirement(line) for line in project["dependencies"] + extras.get(extra, [])]
    closure = {}
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        options = frozenset(wanted.extras)
        if name in closure and options <= closure[name]:
            continue
        closure[name] = closure.get(name, frozenset()) | options
        waiting += [need for need in _needs(name) if _applies(need, options)]
    return set(closure)


def _needs(name):
    try:
        return [Requirement(line) for line in metadata.requires(name) or ()]
    except metadata.PackageNotFoundError:  # for another system
        return []


def _applies(need, options):
    return need.marker is None or any(
        need.marker.evaluate({"extra": option}) for option in (*options, "")
    )


class OnlyThese:
    """A finder that hides the packages that are not in a set."""

    def __init__(self, allowed):
        self.allowed, self.providers = allowed, metadata.packages_distributions()

    def find_spec(self, name, *_):
        """Refuse modules of hidden packages."""
        packages = self.providers.get(name.partition(".")[0], ())
        if packages and not any(canonicalize_name(one) in self.allowed for one in packages):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def missing_modules(extra, packages):
    """What the modules of our packages import beyond an extra: (module, what it lacks)."""
    sys.meta_path.insert(0, OnlyThese(installed_with(extra) | {"stemtide"}))
    missing = []
    for package in packages:
        folder = importlib.import_module(f"stemtide.{package}").__path__
        for module in pkgutil.walk_packages(folder, f"stemtide.{package}."):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                missing.append((module.name, error.name))
    return missing


if __name__ == "__main__":
    print(json.dumps(missing_modules(sys.argv[1], sys.argv[2:])))
