# SPDX-License-Identifier: Apache-2.0
"""Early warning, checklist, activation and closure."""
