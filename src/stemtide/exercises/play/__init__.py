# SPDX-License-Identifier: Apache-2.0
"""Play a scenario: an embedded hub, agents in exercise mode, bots and the exercise clock."""
