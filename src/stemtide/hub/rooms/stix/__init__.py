# SPDX-License-Identifier: Apache-2.0
"""Signals and related data as STIX objects in TAXII collections, for programs of others."""
