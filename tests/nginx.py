# SPDX-License-Identifier: Apache-2.0
"""Where nginx is on this machine, for tests of the recipes for it."""

import shutil

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def nginx_is_installed():
    """Whether there is an nginx to start."""
    return NGINX is not None
