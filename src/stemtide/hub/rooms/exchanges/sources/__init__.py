# SPDX-License-Identifier: Apache-2.0
"""Clients for each kind of other hub, one file each, without database access."""
