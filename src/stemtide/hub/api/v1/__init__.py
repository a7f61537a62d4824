# SPDX-License-Identifier: Apache-2.0
"""Endpoints of version 1 of the API."""
