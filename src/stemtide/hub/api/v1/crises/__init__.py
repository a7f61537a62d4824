# SPDX-License-Identifier: Apache-2.0
"""Endpoints for crises, their participants, situation and reports."""
