# SPDX-License-Identifier: Apache-2.0
"""Single signals at this agent, over HTTP: those that ran away, and those that are switched off."""
