# SPDX-License-Identifier: Apache-2.0
"""The law as data: forms, deadlines, frameworks, state machines and yearly reports."""
