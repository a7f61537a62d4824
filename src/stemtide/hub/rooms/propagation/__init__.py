# SPDX-License-Identifier: Apache-2.0
"""Propagation of signals: when agents got and applied them, and how soon they matched."""
