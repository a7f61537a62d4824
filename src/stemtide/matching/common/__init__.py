# SPDX-License-Identifier: Apache-2.0
"""Pictures, sounds, texts and files that everybody has, and how near a value is to them."""
