# SPDX-License-Identifier: Apache-2.0
"""Results of an exercise: measures from the ledger, and whether they meet objectives."""
