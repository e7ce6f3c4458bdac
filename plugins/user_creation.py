"""User creation: fires user.created when somebody signs up.

The example to copy: a plugin is one file, and all it must do is say which triggers there are.
"""

from typing import Literal

from pydantic import BaseModel, EmailStr

from webhook_ui import Trigger, hookimpl


class UserCreated(BaseModel):
    """What every payload of user.created must look like. One that does not fit is refused, nothing is sent."""

    id: int
    name: str
    email: EmailStr | None = None
    plan: Literal["free", "team", "enterprise"] = "free"


@hookimpl  # without this line the function would never be called
def register_triggers() -> list[Trigger]:
    """Called once at start."""
    return [
        Trigger(
            name="user.created",  # what webhooks listen to, by itself or as user.*
            title="User creation",  # what people read on the dashboard
            description="A user signed up.",
            example={"id": 7, "name": "Zoë Ångström", "email": "zoe@example.com", "plan": "team"},
            payload=UserCreated,
        )
    ]
