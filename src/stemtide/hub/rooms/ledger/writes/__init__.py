# SPDX-License-Identifier: Apache-2.0
"""Change the ledger: every write asks the rules and records itself in the ledger."""
