# SPDX-License-Identifier: Apache-2.0
"""People decide about content that is held: queue, decisions, locks, sessions, exposure."""
