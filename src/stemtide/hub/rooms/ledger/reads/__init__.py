# SPDX-License-Identifier: Apache-2.0
"""Read the ledger: every read names the party that asks."""
