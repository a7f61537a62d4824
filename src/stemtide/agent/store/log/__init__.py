# SPDX-License-Identifier: Apache-2.0
"""The agent's file: what it checked of the hub's transparency log."""
