# SPDX-License-Identifier: Apache-2.0
"""Write the API's schema: python -m stemtide.hub.api.openapi > docs/use/openapi.json."""

import json
import os
import sys

import django


def schema() -> str:
    """Return the API's schema as JSON, as stored in docs/use/openapi.json."""
    from stemtide.hub.api.urls import api  # noqa: PLC0415  # needs django.setup() first

    openapi = api.get_openapi_schema(path_prefix="/api/v1/")
    return json.dumps(openapi, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stemtide.hub.settings")
    django.setup()
    sys.stdout.write(schema())
