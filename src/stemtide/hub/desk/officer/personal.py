# SPDX-License-Identifier: Apache-2.0
"""The page that shows a refused form again, for forms that have no page of their own."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from stemtide.hub.desk.forms import INSISTS, DeskForm, is_insisted, personal_kinds


def show_again(request: HttpRequest, form: DeskForm) -> HttpResponse:
    """Show a refused form again with its errors, and with all else that was sent beside it."""
    own = {form.add_prefix(name) for name in form.fields} | {INSISTS, "csrfmiddlewaretoken"}
    others = [
        (name, text) for name, texts in request.POST.lists() if name not in own for text in texts
    ]
    is_personal = not all(form.personal.values())
    context = {"form": form, "others": others, "is_personal": is_personal}
    return render(request, "desk/officer/personal.html", context, status=422)


def kinds_to_warn_of(request: HttpRequest, name: str, *, text: str) -> list[str]:
    """Return what looks like personal data in a field, unless the person says that it is needed."""
    return [] if is_insisted(request.POST, name=name) else personal_kinds(text)
