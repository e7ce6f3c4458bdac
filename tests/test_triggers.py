"""Triggers as plugins give them: what is kept, what is not valid, and how they are found."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel

from tests.plugin_files import GOOD, load, write
from webhook_ui.errors import Invalid
from webhook_ui.plugin_api import Trigger


def test_an_unknown_trigger_offers_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "one.py", GOOD.format(name="user.created"))
    plugins = load(tmp_path)
    with pytest.raises(Invalid) as caught:
        plugins.find("user.craeted")
    assert caught.value.fields == {"trigger": "Unknown trigger user.craeted. Did you mean user.created?"}
    for name in ("zzz", "", "\ud800\0", "x" * 100_000):
        with pytest.raises(Invalid, match="`webhook-ui plugin list` show what there is") as caught:
            plugins.find(name)
        assert len(str(caught.value).encode()) < 400


def test_matching_follows_names_and_groups(tmp_path: Path) -> None:
    for number, name in enumerate(("user.created", "user.deleted", "users.created")):
        write(tmp_path, f"p{number}.py", GOOD.format(name=name))
    plugins = load(tmp_path)
    assert [trigger.name for trigger in plugins.matching("user.*")] == ["user.created", "user.deleted"]
    assert [trigger.name for trigger in plugins.matching("users.created")] == ["users.created"]
    assert plugins.matching("nothing.*") == ()


class Payload(BaseModel):
    id: int


def test_a_trigger_keeps_what_it_was_given() -> None:
    example = {"id": 1, "name": "Zoë"}
    trigger = Trigger("a.b", "T", "D", example, Payload, [5, 0.5])
    assert trigger == Trigger(
        name="a.b", title="T", description="D", example=dict(example), payload=Payload, retry_schedule=(5, 0.5)
    )
    assert len({trigger, trigger}) == 1
    example["id"] = 2
    assert trigger.example["id"] == 1
    assert trigger.example_json() == '{\n  "id": 1,\n  "name": "Zoë"\n}'
    assert trigger.schema()["properties"]["id"]["type"] == "integer"
    assert Trigger("a.b", "T", "", {}).schema()["type"] == "object"


class NoSchema(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    thing: ModuleType | None = None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(
            ({"name": name}, "at least two words")
            for name in ("user", "User.created", "a..b", ".a", "a.b\n", "a." + "b" * 99)
        ),
        ({"name": None}, "at least two words"),
        ({"title": " "}, "title is empty"),
        ({"description": None}, "description must be text"),
        ({"example": [1]}, "example must be a JSON object"),
        ({"example": {"at": {1, 2}}}, "example is not JSON"),
        ({"example": {"at": float("nan")}}, "example is not JSON"),
        ({"example": {"at": "\ud800"}}, "example is not JSON"),
        ({"payload": Payload, "example": {"id": "7"}}, r"does not fit the payload model: payload\.id: Must be a whole"),
        ({"payload": Payload(id=1)}, "pydantic model class"),
        ({"payload": dict}, "pydantic model class"),
        ({"payload": NoSchema}, "no JSON Schema"),
        *(
            ({"retry_schedule": waits}, "list of seconds")
            for waits in (5, "5", [-1], ["5"], [True], [float("inf")], [float("nan")], [10**400])
        ),
    ],
)
def test_a_trigger_that_is_not_valid_says_what_to_do(change: dict[str, Any], message: str) -> None:
    given = {"name": "a.b", "title": "T", "description": "", "example": {"id": 1}, **change}
    with pytest.raises(ValueError, match=message):
        Trigger(**given)
