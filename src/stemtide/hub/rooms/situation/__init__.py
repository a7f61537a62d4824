# SPDX-License-Identifier: Apache-2.0
"""What is known in a crisis: its log, its public lines, leads to a threat to life, search."""
