# SPDX-License-Identifier: Apache-2.0
"""Read webhooks: every read names the party that asks."""
