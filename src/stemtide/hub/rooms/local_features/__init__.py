# SPDX-License-Identifier: Apache-2.0
"""Local features of pictures that sharers sent with signals, for agents that look uploads up."""
