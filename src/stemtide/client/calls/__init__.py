# SPDX-License-Identifier: Apache-2.0
"""A function for each operation of the API that makes the question: what is asked, what is read."""
