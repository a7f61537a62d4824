# SPDX-License-Identifier: Apache-2.0
"""Read removal orders: every read names the party that asks."""
