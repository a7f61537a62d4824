# SPDX-License-Identifier: Apache-2.0
"""URLs of the desk's pages and fragments. The last part of a fragment's path begins with "_"."""

from django.urls import path

from stemtide.hub.desk import board, stream, stylesheet
from stemtide.hub.desk.auth import urls
from stemtide.hub.desk.child_abuse import views as child_abuse
from stemtide.hub.desk.crises import (
    activation,
    closing,
    content_page,
    event,
    hand_over,
    room,
    tasks,
)
from stemtide.hub.desk.inbox import approvals
from stemtide.hub.desk.selection import views as selection
from stemtide.hub.desk.sharing import views as sharing
from stemtide.hub.desk.signals import allowlist, propagation, views
from stemtide.hub.desk.situation import previews
from stemtide.hub.desk.todo import views as todo
from stemtide.hub.desk.transparency import figures, views as transparency
from stemtide.hub.desk.urls import (
    alerts,
    complaints,
    exercises,
    inbox,
    machines,
    orders,
    people,
    progress,
    referrals,
    situation,
)

urlpatterns = [
    path("", board.board, name="board"),
    path("board/_blocks", board.blocks, name="board-blocks"),
    path("board/stream", stream.stream, name="board-stream"),
    path("styles/<slug:digest>.css", stylesheet.stylesheet, name="stylesheet"),
    path("to-do", todo.todo, name="to-do"),
    path("to-do/_blocks", todo.blocks, name="to-do-blocks"),
    path("transparency", transparency.transparency, name="transparency"),
    path("figures", figures.figures, name="figures"),
    path("child-abuse", child_abuse.child_abuse, name="child-abuse"),
    path("share", sharing.share, name="share"),
    path("share/done", sharing.done, name="share-done"),
    path("share/undo", sharing.undo, name="share-undo"),
    path("signals", selection.own, name="own-signals"),
    path("signals/selected", selection.selected, name="signals-selected"),
    path("signals/<uuid:uid>", views.signal, name="signal"),
    path("signals/<uuid:uid>/withdraw", views.withdraw, name="signal-withdraw"),
    path("signals/<uuid:uid>/do/<slug:verb>", views.act, name="signal-act"),
    path("signals/<uuid:uid>/outliers/<uuid:outlier>", views.judge, name="signal-outlier"),
    path("signals/<uuid:uid>/propagation", propagation.recipients, name="signal-propagation"),
    path("propagation", propagation.days, name="propagation"),
    path("allowlist", allowlist.allowlist, name="allowlist"),
    path("allowlist/<uuid:uid>", allowlist.entry, name="allow-entry"),
    path("allowlist/<uuid:uid>/<slug:verb>", allowlist.act, name="allow-entry-act"),
    path("approvals", approvals.approvals, name="approvals"),
    path("approvals/<uuid:uid>", approvals.approval, name="approval"),
    path("approvals/<uuid:uid>/<slug:verb>", approvals.act, name="approval-act"),
    path("crises", room.crises_page, name="crises"),
    path("crises/new", room.warn, name="crisis-new"),
    path("crises/<uuid:uid>", room.room, name="crisis"),
    path("crises/<uuid:uid>/stream", stream.stream, name="crisis-stream"),
    path("crises/<uuid:uid>/_blocks", room.blocks, name="crisis-blocks"),
    path("crises/<uuid:uid>/do/<slug:verb>", room.act, name="crisis-act"),
    path("crises/<uuid:uid>/tasks", tasks.tasks, name="crisis-tasks"),
    path("crises/<uuid:uid>/tasks/<uuid:task>", tasks.move, name="crisis-task-move"),
    path("crises/<uuid:uid>/closing", closing.closing, name="crisis-closing"),
    path("crises/<uuid:uid>/hand-over", hand_over.hand_over, name="crisis-hand-over"),
    path("crises/<uuid:uid>/event", event.event, name="crisis-event"),
    path("crises/<uuid:uid>/event/<uuid:message>", event.enter, name="crisis-event-enter"),
    path("crises/<uuid:uid>/activation", activation.activation, name="crisis-activation"),
    path("crises/<uuid:uid>/activation/save", activation.save, name="crisis-activation-save"),
    path("crises/<uuid:uid>/content", content_page.content, name="crisis-content"),
    path("crises/<uuid:uid>/content/<uuid:key>", content_page.cluster, name="cluster"),
    path("signals/<uuid:uid>/look", previews.new, name="look-new"),
    path("signals/<uuid:uid>/preview", previews.send, name="preview-send"),
    path("previews/<uuid:uid>/destroy", previews.destroy, name="preview-destroy"),
    path("looks", previews.counts, name="look-counts"),
    path("looks/<uuid:uid>", previews.look, name="look"),
    path("looks/<uuid:uid>/reveal", previews.reveal, name="look-reveal"),
    path("looks/<uuid:uid>/<uuid:preview>", previews.still, name="look-still"),
    *urls.urlpatterns,
    *people.urlpatterns,
    *progress.urlpatterns,
    *situation.urlpatterns,
    *exercises.urlpatterns,
    *alerts.urlpatterns,
    *referrals.urlpatterns,
    *complaints.urlpatterns,
    *orders.urlpatterns,
    *inbox.urlpatterns,
    *machines.urlpatterns,
]
