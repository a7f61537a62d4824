# SPDX-License-Identifier: Apache-2.0
"""Change a crisis's situation: every write asks the rules and records itself in the ledger."""
