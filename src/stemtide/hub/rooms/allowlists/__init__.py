# SPDX-License-Identifier: Apache-2.0
"""The hub's allow-list: content that must not lead to automatic action, each with its source."""
