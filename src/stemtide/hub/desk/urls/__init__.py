# SPDX-License-Identifier: Apache-2.0
"""URLs of the desk's pages and fragments. The last part of a fragment's path begins with "_"."""

from django.urls import path

from stemtide.hub.desk import board, stream
from stemtide.hub.desk.auth import urls as doors
from stemtide.hub.desk.crises import content_page as room_content_page, room
from stemtide.hub.desk.signals import views as signals
from stemtide.hub.desk.situation import previews as looks
from stemtide.hub.desk.urls import (
    alerts as urls_alerts,
    complaints as urls_complaints,
    inbox as urls_inbox,
    machines as urls_machines,
    orders as urls_orders,
    people as urls_people,
    progress as urls_progress,
    referrals as urls_referrals,
    situation as urls_situation,
)

urlpatterns = [
    path("", board.board, name="board"),
    path("board/_blocks", board.blocks, name="board-blocks"),
    path("board/stream", stream.stream, name="board-stream"),
    path("signals/<uuid:uid>", signals.signal, name="signal"),
    path("signals/<uuid:uid>/withdraw", signals.withdraw, name="signal-withdraw"),
    path("signals/<uuid:uid>/opinion", signals.opine, name="signal-opinion"),
    path("signals/<uuid:uid>/outliers/<uuid:outlier>", signals.judge, name="signal-outlier"),
    path("crises", room.crises_page, name="crises"),
    path("crises/new", room.warn, name="crisis-new"),
    path("crises/<uuid:uid>", room.room, name="crisis"),
    path("crises/<uuid:uid>/stream", stream.stream, name="crisis-stream"),
    path("crises/<uuid:uid>/_blocks", room.blocks, name="crisis-blocks"),
    path("crises/<uuid:uid>/do/<slug:verb>", room.act, name="crisis-act"),
    path("crises/<uuid:uid>/content", room_content_page.content, name="crisis-content"),
    path("crises/<uuid:uid>/content/<uuid:key>", room_content_page.cluster, name="cluster"),
    path("signals/<uuid:uid>/look", looks.new, name="look-new"),
    path("signals/<uuid:uid>/preview", looks.send, name="preview-send"),
    path("previews/<uuid:uid>/destroy", looks.destroy, name="preview-destroy"),
    path("looks", looks.counts, name="look-counts"),
    path("looks/<uuid:uid>", looks.look, name="look"),
    path("looks/<uuid:uid>/reveal", looks.reveal, name="look-reveal"),
    path("looks/<uuid:uid>/<uuid:preview>", looks.still, name="look-still"),
    *doors.urlpatterns,
    *urls_people.urlpatterns,
    *urls_progress.urlpatterns,
    *urls_situation.urlpatterns,
    *urls_alerts.urlpatterns,
    *urls_referrals.urlpatterns,
    *urls_complaints.urlpatterns,
    *urls_orders.urlpatterns,
    *urls_inbox.urlpatterns,
    *urls_machines.urlpatterns,
]
