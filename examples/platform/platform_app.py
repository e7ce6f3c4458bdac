"""A small platform: people sign up, and whoever staff have entered as a webhook hears of it.

The point is in `sign_up`: user and event are stored in one transaction. `webhook_ui.mount` does the rest.
"""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import EmailStr
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, create_engine, select
from starlette.middleware.sessions import SessionMiddleware

import webhook_ui

HERE = Path(__file__).parent
DATA = Path(os.environ.get("PLATFORM_DATA", HERE / "data"))
PASSWORD = os.environ.get("PLATFORM_PASSWORD", "")  # that of the staff; without one nobody of them comes in
DATABASE = f"sqlite:///{DATA.absolute() / 'platform.db'}"


class User(SQLModel, table=True):
    """Somebody who signed up."""

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=100)
    email: str = Field(unique=True)


engine = create_engine(DATABASE)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """The platform's own: Webhook UI starts after it, and ends before it."""
    DATA.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing is served yet
    SQLModel.metadata.create_all(engine)
    yield
    engine.dispose()


app = FastAPI(title="Platform", lifespan=lifespan)
app.add_middleware(SessionMiddleware, secret_key=secrets.token_hex())  # sessions end with the process: a choice


@app.get("/", response_class=HTMLResponse)
def welcome() -> str:
    """The form."""
    return page(
        "Sign up",
        '<form method="post" action="sign-up"><label>Name <input name="name" required maxlength="100"></label>'
        '<label>Email <input name="email" type="email" required></label><button>Sign up</button></form>',
    )


@app.post("/sign-up", response_class=HTMLResponse)
def sign_up(name: Annotated[str, Form(max_length=100)], email: Annotated[EmailStr, Form()]) -> HTMLResponse:
    """Stores the user and the event about it, both or neither."""
    with Session(engine) as session:
        user = User(name=name, email=email)
        session.add(user)
        try:
            session.flush()  # from here on the user has an id
        except IntegrityError:
            return HTMLResponse(page("Sign up", "<p>There is an account with this email already.</p>"), 409)
        webhook_ui.emit(session, "user.created", {"id": user.id, "name": user.name, "email": user.email})
        session.commit()
    return HTMLResponse(page(f"Welcome, {name}", "<p>Your account is there.</p>"), 201)


@app.get("/users")
def users() -> list[str]:
    """Who is there, for whoever wants to compare."""
    with Session(engine) as session:
        return [user.name for user in session.exec(select(User).order_by(User.id))]


@app.get("/staff", response_class=HTMLResponse)
def staff_form(next: str = "/webhooks/") -> str:
    """Where staff sign in."""
    return page(
        "Staff",
        f'<form method="post"><input type="hidden" name="next" value="{escape(next)}">'
        '<label>Name <input name="name" required></label>'
        '<label>Password <input name="password" type="password" required></label><button>Sign in</button></form>',
    )


@app.post("/staff")
def staff_enter(
    request: Request,
    name: Annotated[str, Form(min_length=1, max_length=100)],
    password: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/webhooks/",
) -> RedirectResponse:
    """Lets staff in who know the password."""
    if not PASSWORD or not secrets.compare_digest(password.encode(), PASSWORD.encode()):
        return RedirectResponse("/staff", 303)
    request.session["staff"] = name
    return RedirectResponse(next if next.startswith("/webhooks/") else "/webhooks/", 303)


@app.post("/staff/leave")
def staff_leave(request: Request) -> RedirectResponse:
    """Ends the session."""
    request.session.clear()
    return RedirectResponse("/staff", 303)


def staff(request: Request) -> webhook_ui.Operator | None:
    """Who sits before the dashboard, as this application knows it."""
    name = request.session.get("staff")
    return webhook_ui.Operator(name=name, role="admin") if name else None


webhook_ui.mount(
    app,
    "/webhooks",
    authenticate=staff,
    sign_in="/staff?next={next}",
    database_url=DATABASE,  # the platform's own: so that one commit holds the user and the event
    data_dir=DATA,
    plugins_dir=HERE / "plugins",
)


def page(title: str, body: str) -> str:
    """A page of the platform; `body` is its own words, `title` may hold anybody's."""
    style = "body{font:16px system-ui;margin:10vh auto;max-width:24rem}label,button{display:block;margin:1rem 0}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
