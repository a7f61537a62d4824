# SPDX-License-Identifier: Apache-2.0
"""The hub's subjects: one Django app each, with models, rules, reads and writes."""
