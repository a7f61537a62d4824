# SPDX-License-Identifier: Apache-2.0
"""The ways on which an alert leaves the hub; each is a folder. Decision 0030."""
