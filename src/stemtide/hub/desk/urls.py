# SPDX-License-Identifier: Apache-2.0
"""Addresses of the desk's pages and fragments. A fragment's last part starts with "_"."""

from django.urls import path

from stemtide.hub.desk import (
    board,
    crises,
    doors,
    signals,
    stream,
    urls_alerts,
    urls_people,
    urls_situation,
)

urlpatterns = [
    path("", board.board, name="board"),
    path("board/_blocks", board.blocks, name="board-blocks"),
    path("board/stream", stream.stream, name="board-stream"),
    path("signals/<uuid:uid>", signals.signal, name="signal"),
    path("signals/<uuid:uid>/withdraw", signals.withdraw, name="signal-withdraw"),
    path("signals/<uuid:uid>/opinion", signals.opine, name="signal-opinion"),
    path("crises/<uuid:uid>", crises.crisis, name="crisis"),
    *doors.urlpatterns,
    *urls_people.urlpatterns,
    *urls_situation.urlpatterns,
    *urls_alerts.urlpatterns,
]
