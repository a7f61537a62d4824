# SPDX-License-Identifier: Apache-2.0
"""Read alerts: every read names the party that asks."""
