# SPDX-License-Identifier: Apache-2.0
"""Endpoints for data protection officers and auditors."""
