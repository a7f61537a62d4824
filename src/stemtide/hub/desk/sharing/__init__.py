# SPDX-License-Identifier: Apache-2.0
"""Sharing content from the desk: hashes, addresses, texts and files."""
