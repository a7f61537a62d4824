# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of text: plain text, HTML and documents."""
