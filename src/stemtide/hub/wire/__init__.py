# SPDX-License-Identifier: Apache-2.0
"""The hub's wire to agents: feed, status and stream, answered from memory where that is possible.

app:      the ASGI application in front of Django's. What it cannot answer, Django answers.
memory:   what it answers from, refreshed after every commit of any process.
tail:     the latest changes of the feed.
presence: what agents last reported, written in batches.
"""
