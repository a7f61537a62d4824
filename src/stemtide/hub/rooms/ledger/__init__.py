# SPDX-License-Identifier: Apache-2.0
"""The ledger, the hub's audit log: who did which act on which subject, append-only, numbered."""
