# SPDX-License-Identifier: Apache-2.0
"""Second looks at acts, as approvals: who asks, why an act waits, who decides."""
