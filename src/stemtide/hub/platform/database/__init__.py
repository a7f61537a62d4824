# SPDX-License-Identifier: Apache-2.0
"""What the database of this hub does better in another way than by rows of Django."""
