# SPDX-License-Identifier: Apache-2.0
"""Endpoints for referrals, batches, holds, re-checks and complaints."""
