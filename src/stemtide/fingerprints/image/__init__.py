# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of images: PDQ and local features, and how images are decoded."""
