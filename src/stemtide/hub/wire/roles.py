# SPDX-License-Identifier: Apache-2.0
"""Answers of a process that has only some roles of a hub."""

from collections.abc import Set as AbstractSet

from stemtide.hub.api.asgi import NO_STORE, Application, Receive, Scope, Send, send_problem
from stemtide.hub.api.middleware import is_machines
from stemtide.hub.platform.roles import Role
from stemtide.protocol.problems import ProblemType, problem

ALWAYS = frozenset({"/health", "/metrics"})
"""Addresses that every process answers."""

_NOT_HERE = "this process does not answer {what}: send {path} to one with the role {role}"


def limit_roles(app: Application, roles: AbstractSet[Role]) -> Application:
    """Wrap the hub so that it answers 404 outside of its roles."""
    if {Role.WIRE, Role.WEB} <= roles:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        is_program = scope["type"] == "http" and is_machines(scope["path"])
        role = Role.WIRE if is_program else Role.WEB
        if role in roles or scope["type"] != "http" or scope["path"] in ALWAYS:
            await app(scope, receive, send)
        elif is_program:
            detail = _NOT_HERE.format(what="programs", path="it", role=role)
            await send_problem(problem(ProblemType.NOT_FOUND, detail), send)
        else:
            body = f"{_NOT_HERE.format(what='people', path='your browser', role=role)}\n".encode()
            plain = (b"content-type", b"text/plain; charset=utf-8")
            await send({"type": "http.response.start", "status": 404, "headers": [plain, NO_STORE]})
            await send({"type": "http.response.body", "body": body})

    return answer
