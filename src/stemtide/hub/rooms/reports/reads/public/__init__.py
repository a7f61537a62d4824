# SPDX-License-Identifier: Apache-2.0
"""Public figures: count a quarter, show what is published, and recount it from the ledger."""
