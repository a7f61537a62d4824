# SPDX-License-Identifier: Apache-2.0
"""Find passages of known texts in other texts."""
