# SPDX-License-Identifier: Apache-2.0
"""The transparency log: the ledger's entries as leaves of a tree that others can check."""
