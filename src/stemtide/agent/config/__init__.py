# SPDX-License-Identifier: Apache-2.0
"""The agent's settings, read from agent.toml and the environment."""
