# SPDX-License-Identifier: Apache-2.0
"""Rules of the transparency log: what a leaf says, and what a check of the ledger concludes."""
