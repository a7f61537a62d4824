# SPDX-License-Identifier: Apache-2.0
"""Build the site of the documentation: python docs/build.py [FOLDER]

Without a folder it goes where the hub serves it from at /docs. Sphinx makes it from a copy of the
Markdown, beside which the references of the API and of the commands are written. Warnings, such as of a link that leads
nowhere, are errors.
"""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SERVED = ROOT / "src/stemtide/hub/desk/documentation/site"
SOURCE_LINK = re.compile(
    r"\[([^\]]+)\]\((?![a-z]+:)(?:[^)#\s]+/|(?:\.\./)*(?:src|tests|benchmarks)/[^)\s]+)\)"
)
"""A link to a folder or a source file of the repository, which the site does not show."""


def main(folder: Path) -> None:
    """Build the site in a folder that holds nothing else."""
    with tempfile.TemporaryDirectory() as scratch:
        pages, made = Path(scratch) / "pages", Path(scratch) / "made"
        copy_pages(pages)
        (pages / "docs/use/reference.md").write_text(written("reference"), "utf-8")
        with (pages / "docs/use/commands.md").open("a", encoding="utf-8") as page:
            page.write(f"\n{written('commands')}")
        shutil.copy2(ROOT / "docs/site/python-reference.md.in", pages / "docs/use/python-reference.md")
        options = ["-q", "-W", "--keep-going", "-b", "html", "-c", ROOT / "docs/site"]
        folders = ["-d", Path(scratch) / "trees", pages, made]
        words = [str(word) for word in (*options, *folders)]
        environment = {"SOURCE_DATE_EPOCH": "0", **os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run([sys.executable, "-m", "sphinx", *words], check=True, env=environment)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(made, folder)


def written(name: str) -> str:
    """Return the text that a program of docs/site writes."""
    page: str = runpy.run_path(str(ROOT / f"docs/site/{name}.py"))["page"]()
    return page


def copy_pages(pages: Path) -> None:
    """Lay out the pages as in the repository, so that their links hold."""
    pages.mkdir()
    for name in ("docs", "deploy"):
        shutil.copytree(ROOT / name, pages / name, ignore=shutil.ignore_patterns("*.py", "site"))
    for path in ROOT.glob("*.md"):
        shutil.copy2(path, pages)
    for path in pages.rglob("*.md"):
        path.write_text(SOURCE_LINK.sub(r"\1", path.read_text("utf-8")), "utf-8")
    shutil.copy2(ROOT / "LICENSE", pages)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else SERVED)
