# SPDX-License-Identifier: Apache-2.0
"""Programs of others against a real hub, unchanged."""
