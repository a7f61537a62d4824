# SPDX-License-Identifier: Apache-2.0
"""Commands for the transparency log of the ledger."""
