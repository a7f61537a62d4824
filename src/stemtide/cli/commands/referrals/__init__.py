# SPDX-License-Identifier: Apache-2.0
"""Commands for referrals, batches, holds, re-checks and complaints."""
