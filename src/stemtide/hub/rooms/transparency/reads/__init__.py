# SPDX-License-Identifier: Apache-2.0
"""Read the transparency log, and check the ledger against it."""
