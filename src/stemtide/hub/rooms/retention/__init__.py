# SPDX-License-Identifier: Apache-2.0
"""Retention: what is erased when, what is held, and the certificates of what was erased."""
