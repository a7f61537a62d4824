# SPDX-License-Identifier: Apache-2.0
"""Recount public figures from the ledger, for auditors: slow, obvious, and apart from `public`."""
