# SPDX-License-Identifier: Apache-2.0
"""Recognise content and decide what to do with it."""
