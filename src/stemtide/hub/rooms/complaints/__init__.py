# SPDX-License-Identifier: Apache-2.0
"""Complaints of uploaders: filed, reviewed, decided, and the redress that follows."""
