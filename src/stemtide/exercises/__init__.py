# SPDX-License-Identifier: Apache-2.0
"""Rehearse a crisis against a real hub and real agents."""
