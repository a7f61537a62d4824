# SPDX-License-Identifier: Apache-2.0
"""Exercises at the desk: their list, the control room of the director, the page of who plays."""
