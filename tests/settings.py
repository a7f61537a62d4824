# SPDX-License-Identifier: Apache-2.0
"""The hub's own settings, on a folder of the test run, with a quick password hasher."""

import os
import tempfile

os.environ.setdefault("STEMTIDE_DATA_DIR", tempfile.mkdtemp(prefix="stemtide-tests-"))

from stemtide.hub.settings import *  # noqa: F403  # the environment comes first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
