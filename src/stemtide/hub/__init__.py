# SPDX-License-Identifier: Apache-2.0
"""The hub: the coordinator's server."""
