# SPDX-License-Identifier: Apache-2.0
"""STIX 2.1 objects: made from signals, and read from others."""
