# SPDX-License-Identifier: Apache-2.0
"""Endpoints for MISP: its feed, and the part of its REST API that PyMISP uses."""
