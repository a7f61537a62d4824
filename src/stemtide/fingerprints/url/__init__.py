# SPDX-License-Identifier: Apache-2.0
"""Web addresses: one spelling for each, and how far a signal of one reaches."""
