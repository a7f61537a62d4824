# SPDX-License-Identifier: Apache-2.0
"""The words, states and messages that hub and agent share."""
