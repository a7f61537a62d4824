# SPDX-License-Identifier: Apache-2.0
"""Removal orders: their form, their hour, their answers, their scrutiny, what is preserved."""
