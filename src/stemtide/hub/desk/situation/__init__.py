# SPDX-License-Identifier: Apache-2.0
"""Pages of a crisis's situation log, public statements, leads and previews."""
