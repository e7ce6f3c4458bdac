"""Tells when a user is created."""
from typing import Literal
from pydantic import BaseModel, EmailStr
from webhook_ui import Trigger, hookimpl


class UserCreated(BaseModel):
    id: int
    name: str
    email: EmailStr | None = None
    plan: Literal["free", "team", "enterprise"] = "free"


@hookimpl
def register_triggers():
    return [Trigger("user.created", "User creation", "A new user has an account.",
                    {"id": 7, "name": "Zoë Ångström", "email": "zoe@example.org", "plan": "team"}, UserCreated)]
