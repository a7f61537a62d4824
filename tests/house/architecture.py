# SPDX-License-Identifier: Apache-2.0
"""Draw imports between packages into the architecture page: python -m tests.house.architecture."""

import re
from pathlib import Path

from tests.house import sources

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/stemtide"
PAGE = ROOT / "docs/understand/architecture.md"
START, END = "<!-- drawn from imports: {} -->", "<!-- end of {} -->"


def imports(folder: Path, package: str) -> dict[str, set[str]]:
    """Return which direct children of a package import which of their siblings."""
    children = {path.stem for path in folder.iterdir() if path.stem.isidentifier()} - {"__init__"}
    edges: dict[str, set[str]] = {}
    for child in sorted(children):
        path = folder / child
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
        found = {name for file in files if file.exists() for name in _siblings(file, package)}
        edges[child] = (found & children) - {child}
    return edges


def _siblings(file: Path, package: str) -> set[str]:
    """Return the children of a package that a file imports from."""
    start = f"{package}."
    names = set()
    for module, imported in sources.read(file).imports:
        if module == package:
            names.update(imported)
        elif module.startswith(start):
            names.add(module.removeprefix(start).partition(".")[0])
    return names


def reduced(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return only the arrows that no longer way already implies."""

    def below(name: str) -> set[str]:
        return set().union(*({child} | below(child) for child in edges[name]))

    return {
        name: {child for child in children if not any(child in below(one) for one in children)}
        for name, children in edges.items()
    }


def diagram(edges: dict[str, set[str]]) -> str:
    """Return a Mermaid flow chart of imports, importers above."""
    lines = [f"    {name} --> {child}" for name in sorted(edges) for child in sorted(edges[name])]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def drawings() -> dict[str, str]:
    """Return the drawings of the page by name."""
    hub = imports(SOURCE / "hub", "stemtide.hub")
    packages = imports(SOURCE, "stemtide")
    return {
        "packages": diagram(reduced({name: packages[name] for name in packages if name != "py"})),
        "hub": diagram(reduced({name: hub[name] - {"settings"} for name in hub})),
        "rooms": diagram(reduced(imports(SOURCE / "hub/rooms", "stemtide.hub.rooms"))),
        "agent": diagram(reduced(imports(SOURCE / "agent", "stemtide.agent"))),
    }


def page() -> str:
    """Return the page with its drawings made anew."""
    text = PAGE.read_text("utf-8")
    for name, drawing in drawings().items():
        start, end = START.format(name), END.format(name)
        block = f"{start}\n\n{drawing}\n\n{end}"
        text = re.sub(
            f"{re.escape(start)}.*?{re.escape(end)}", lambda _, b=block: b, text, flags=re.DOTALL
        )
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
