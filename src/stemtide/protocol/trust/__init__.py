# SPDX-License-Identifier: Apache-2.0
"""Trust between members: what a signal may cause, given who supports it."""
