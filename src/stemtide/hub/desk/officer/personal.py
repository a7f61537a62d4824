# SPDX-License-Identifier: Apache-2.0
"""The page that shows a text again which looks like personal data, for forms that have no page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from stemtide.hub.desk.forms import INSISTS, DeskForm, is_insisted, personal_kinds


def is_warned(form: DeskForm) -> bool:
    """Whether a form was refused because of text that looks like personal data."""
    return not all(form.personal.values())


def warn(request: HttpRequest, form: DeskForm) -> HttpResponse:
    """Show a form again with its warning, and with everything else that was sent beside it."""
    own = {form.add_prefix(name) for name in form.fields} | {INSISTS, "csrfmiddlewaretoken"}
    others = [
        (name, text) for name, texts in request.POST.lists() if name not in own for text in texts
    ]
    context = {"form": form, "others": others}
    return render(request, "desk/officer/personal.html", context, status=422)


def kinds_to_warn_of(request: HttpRequest, name: str, *, text: str) -> list[str]:
    """Return what looks like personal data in a field, unless the person says that it is needed."""
    return [] if is_insisted(request.POST, name=name) else personal_kinds(text)
