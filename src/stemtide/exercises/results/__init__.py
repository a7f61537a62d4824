# SPDX-License-Identifier: Apache-2.0
"""Results of an exercise: what was measured from the ledger, and whether it meets objectives."""
