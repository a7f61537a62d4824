# SPDX-License-Identifier: Apache-2.0
"""The documentation of this version, as a site at /docs."""
