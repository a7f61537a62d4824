# SPDX-License-Identifier: Apache-2.0
"""Messages, enums and formats that hub and agent share."""
