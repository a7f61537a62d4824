# SPDX-License-Identifier: Apache-2.0
"""Play a scenario on a hub in use, with people: its director steers the player from the desk."""
