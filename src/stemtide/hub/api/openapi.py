# SPDX-License-Identifier: Apache-2.0
"""Write the API's schema: python -m stemtide.hub.api.openapi > docs/use/openapi.json."""

import json
import sys

from stemtide.hub import boot


def schema() -> str:
    """The schema as it stands in docs/use/openapi.json."""
    from stemtide.hub.api.urls import api  # noqa: PLC0415  # needs boot.start() first

    found = api.get_openapi_schema(path_prefix="/api/v1/")
    return json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    boot.start()
    sys.stdout.write(schema())
