# SPDX-License-Identifier: Apache-2.0
"""Change complaints: every write asks the rules and records itself in the ledger."""
