# SPDX-License-Identifier: Apache-2.0
"""Private matching: digests of live signals under a secret key, for parties without the list."""
