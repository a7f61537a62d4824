# SPDX-License-Identifier: Apache-2.0
"""Backups of a hub: create, restore, delete after their term. Decision 0161.

1 A backup is a folder with a signed manifest and the encrypted database.
2 The hub's keys and the list of erasures lie in another folder, which somebody else keeps.
3 manifest, encryption and keys need no settings: a restore reads a backup before it has any.
"""
