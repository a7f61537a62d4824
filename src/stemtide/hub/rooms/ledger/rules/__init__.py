# SPDX-License-Identifier: Apache-2.0
"""Rules of the ledger: pure functions, without database or clock."""
