"""What is given to authors of plugins to copy and to read: the shipped example, the guide and its tables."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from tests.plugin_files import load, write
from webhook_ui import payloads, plugin_checks, plugin_types
from webhook_ui.errors import Invalid

SHIPPED = Path(__file__).parent.parent / "plugins"


def test_the_shipped_plugin_is_an_example_to_copy() -> None:
    plugins = load(SHIPPED)
    assert plugins.problems == ()
    (info,) = (each for each in plugins.loaded if each.name == "user_creation")
    assert (info.source, info.triggers) == ("file", 1)
    assert info.where.endswith("plugins/user_creation.py")
    trigger = plugins.find("user.created")
    assert trigger.title == "User creation"
    assert trigger.example["name"] == "Zoë Ångström"
    payloads.check_model(trigger, '{"id":7,"name":"Zoë"}')
    with pytest.raises(Invalid, match=r"payload\.name"):
        payloads.check_model(trigger, '{"id":7}')
    assert len((SHIPPED / "user_creation.py").read_text().splitlines()) < 40


GUIDE = (SHIPPED / "README.md").read_text()


def test_the_guide_does_not_lie(tmp_path: Path) -> None:
    blocks = [block for block in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "def test_" not in block]
    for number, block in enumerate(blocks):
        write(tmp_path, f"example_{number}.py", block)
    plugins = load(tmp_path)
    assert plugins.problems == ()
    assert list(plugins.triggers) == ["invoice.paid", "order.placed", "feed.item", "report.due"]
    assert len(plugins.loaded) == len(blocks) == 8
    assert sorted(plugins.signers) == ["acme"]


def hooks_table() -> str:
    """The table of hooks as it must stand in the guide."""
    rows = ["| hook | what it is for |", "|---|---|"]
    for name, function in plugin_checks.specs(plugin_checks.new_manager()).items():
        arguments = ", ".join(inspect.signature(function).parameters)
        word = "async " if inspect.iscoroutinefunction(function) else ""
        first = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
        rows.append(f"| `{word}{name}({arguments})` | {first} |")
    return "\n".join(rows) + "\n"


def test_the_guide_names_every_hook() -> None:
    assert GUIDE.partition("<!-- hooks -->\n")[2].partition("<!-- /hooks -->")[0] == hooks_table()


def fields_table() -> str:
    """The table of what hooks give and get as it must stand in the guide."""
    rows = ["| value | fields |", "|---|---|"]
    for kind in ast.parse(inspect.getsource(plugin_types)).body:
        if isinstance(kind, ast.ClassDef) and any("dataclass" in ast.unparse(each) for each in kind.decorator_list):
            fields = [each for each in kind.body if isinstance(each, ast.AnnAssign)]
            texts = [f"`{ast.unparse(field).replace(' | ', ' or ')}`" for field in fields]
            rows.append(f"| `{kind.name}` | {', '.join(texts)} |")
    return "\n".join(rows) + "\n"


def test_the_guide_names_every_field() -> None:
    assert GUIDE.partition("<!-- fields -->\n")[2].partition("<!-- /fields -->")[0] == fields_table()
