# SPDX-License-Identifier: Apache-2.0
"""The API's schema as the documentation has it; test_openapi.py compares it with the API."""

import json
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs/use"
SCHEMA = json.loads((DOCS / "openapi.json").read_text("utf-8"))
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
}
"""Every operation by its method and path."""
