# SPDX-License-Identifier: Apache-2.0
"""Endpoints that speak other programs' protocols: TAXII, MISP, StopNCII."""
