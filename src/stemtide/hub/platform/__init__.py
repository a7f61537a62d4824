# SPDX-License-Identifier: Apache-2.0
"""What every room of the hub builds on: errors, permissions, egress, documents."""
