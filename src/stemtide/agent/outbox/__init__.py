# SPDX-License-Identifier: Apache-2.0
"""Queues of what the agent sends: actions, outcomes and statements of reasons."""
