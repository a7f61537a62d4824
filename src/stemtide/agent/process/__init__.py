# SPDX-License-Identifier: Apache-2.0
"""The processes in which an agent answers."""
