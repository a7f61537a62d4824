# SPDX-License-Identifier: Apache-2.0
"""What is kept instead of computed anew, in memory and in the database. Decisions 0135, 0136."""
