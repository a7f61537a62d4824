# SPDX-License-Identifier: Apache-2.0
"""Endpoints for TAXII 2.1."""
