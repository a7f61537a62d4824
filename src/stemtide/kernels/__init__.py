# SPDX-License-Identifier: Apache-2.0
"""The few loops that run on every upload, in C: no state, no allocation, no input or output."""
