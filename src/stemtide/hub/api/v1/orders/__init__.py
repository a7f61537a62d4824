# SPDX-License-Identifier: Apache-2.0
"""Endpoints for removal orders and the answers to them."""
