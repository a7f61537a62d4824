# SPDX-License-Identifier: Apache-2.0
"""Signatures of parties over the signals that they share, and messages about their keys."""
