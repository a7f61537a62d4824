# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes the site: from Markdown, with a theme that needs no inline script."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DESK = ROOT / "src/stemtide/hub/desk/static/desk"
sys.path.insert(0, str(ROOT / "src"))

from stemtide import __version__

project = "Stemtide"
version = release = __version__
project_copyright = ""
root_doc = "README"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
suppress_warnings = [
    "toc.not_included",  # the side bar and the pages' own lists lead to every page
    "misc.highlighting_failure",
    "myst.header",  # some pages begin below a first heading
]
myst_heading_anchors = 5
myst_enable_extensions = ["fieldlist"]
highlight_language = "none"
html_theme = "basic"
html_title = f"Stemtide {release}"
html_short_title = "Stemtide"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
html_permalinks = False
html_domain_indices = False
html_static_path = ["static", *(str(DESK / name) for name in ("tokens.css", "mark.svg"))]
templates_path = ["templates"]
autodoc_typehints = "none"
python_use_unqualified_type_names = True


def plain(app, what, name, obj, options, lines):
    """Let docstrings be the plain text that they are: each line stands as it is written."""
    lines[:] = [f"| {line.translate(ESCAPED)}" if line.strip() else "" for line in lines] + [""]


ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in "*|_`\\"})


def setup(app):
    """Connect what Sphinx calls."""
    app.connect("autodoc-process-docstring", plain)
