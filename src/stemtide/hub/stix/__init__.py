# SPDX-License-Identifier: Apache-2.0
"""Signals and what stands around them as STIX objects in collections, for programs of others."""
