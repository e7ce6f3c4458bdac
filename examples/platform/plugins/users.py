"""Users: what happens to the people of the platform."""

from pydantic import BaseModel, EmailStr

from webhook_ui import Trigger, hookimpl


class UserCreated(BaseModel):
    """What third parties are told of somebody new."""

    id: int
    name: str
    email: EmailStr


@hookimpl
def register_triggers() -> list[Trigger]:
    return [
        Trigger(
            name="user.created",
            title="User creation",
            description="Somebody signed up on the platform.",
            example={"id": 7, "name": "Zoë Ångström", "email": "zoe@example.com"},
            payload=UserCreated,
        )
    ]
