# SPDX-License-Identifier: Apache-2.0
"""Change referrals: every write asks the rules and records itself in the ledger."""
