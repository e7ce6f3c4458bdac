"""The page for people: the OpenAPI document as plain HTML, readable without a script and without the internet."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

Schema = Mapping[str, Any]

STYLES = "/_static/webhook-ui/tokens.css"

# sizes and colours come from the tokens; this is only where things stand
LAYOUT = """
body { margin: 0; background: var(--canvas); color: var(--ink); font: var(--t-body); }
main, nav { max-width: 960px; margin: 0 auto; padding: var(--s-4); }
h1 { font: var(--t-title); } h2 { font: var(--t-title); margin: var(--s-8) 0 var(--s-2); }
h3 { font: var(--t-section); margin: 0; overflow-wrap: anywhere; }
h4 { font: var(--t-section); margin: var(--s-4) 0 var(--s-1); }
p { margin: var(--s-1) 0; color: var(--ink-2); }
article { background: var(--surface); border: 1px solid var(--border); border-radius: var(--r-3);
  padding: var(--s-4); margin: var(--s-3) 0; }
code, pre { font: var(--t-code); }
pre { background: var(--sunken); border-radius: var(--r-2); padding: var(--s-3); overflow-x: auto; }
a { color: var(--accent-ink); }
summary { cursor: pointer; margin-top: var(--s-3); }
.method { display: inline-block; min-width: 52px; margin-right: var(--s-2); color: var(--accent-ink); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font: var(--t-table); }
th, td { text-align: left; vertical-align: top; border-top: 1px solid var(--border); }
th, td { padding: var(--s-1) var(--s-3) var(--s-1) 0; }
th { color: var(--ink-2); border-top: 0; }
"""


def render(document: Mapping[str, Any], root: str = "") -> str:
    """The page as text; `root` is the path of the application that the API belongs to."""
    groups = document["tags"]
    links = " · ".join(f'<a href="#{escape(group["name"])}">{escape(group["name"])}</a>' for group in groups)
    sections = "".join(_group(group, document) for group in groups)
    shapes = "".join(_shape(name, schema) for name, schema in document["components"]["schemas"].items())
    info = document["info"]
    title = f"{info['title']} API"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="{escape(root + STYLES)}"><style>{LAYOUT}</style></head><body>'
        f"<main><h1>{escape(title)} <small>{escape(info['version'])}</small></h1><p>{_text(info['description'])}</p>"
        f'<p>For programs: <a href="openapi.json">openapi.json</a></p>'
        f'<nav aria-label="Groups">{links} · <a href="#Shapes">Shapes</a></nav>'
        f'{sections}<h2 id="Shapes">Shapes</h2><p>What bodies and answers are made of.</p>{shapes}</main></body></html>'
    )


def _group(group: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    calls = "".join(
        _call(method, path, call, document)
        for path, methods in document["paths"].items()
        for method, call in methods.items()
        if group["name"] in call["tags"]
    )
    name = escape(group["name"])
    head = f'<h2 id="{name}">{name}</h2><p>{_text(group["description"])}</p>'
    return f'<section aria-labelledby="{name}">{head}{calls}</section>'


def _call(method: str, path: str, call: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    base = document["servers"][0]["url"]
    parts = [
        f'<article id="{escape(call["operationId"])}"><h3><code><span class="method">{method.upper()}</span>'
        f"{escape(base + path)}</code></h3><p>{_text(call['summary'])}. {_text(call.get('description', ''))}</p>",
        _parameters(call["parameters"]),
    ]
    if "requestBody" in call:
        content = call["requestBody"]["content"]["application/json"]
        name = content["schema"]["$ref"].rpartition("/")[2]
        parts.append(f"<h4>Body: {_link(name)}</h4>")
        parts.append(_fields(document["components"]["schemas"][name]))
        parts.append(_example("Example of the body", content["example"]))
    parts.append(_answers(call["responses"]))
    return "".join(parts) + "</article>"


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        (
            f"<code>{escape(one['name'])}</code>",
            one["in"],
            _type(one["schema"]),
            f"{_text(one['description'])} Example: <code>{escape(_json(one['example']))}</code>",
        )
        for one in parameters
    ]
    return f"<h4>Parameters</h4>{_table(('Name', 'In', 'Type', 'What it does'), rows)}" if rows else ""


def _answers(answers: Mapping[str, Any]) -> str:
    rows, examples = [], ""
    for status, answer in answers.items():
        content = next(iter(answer.get("content", {}).values()), None)
        shape = _type(content["schema"]) if content else "no body"
        rows.append((f"<code>{status}</code>", shape, _text(answer["description"])))
        if content and int(status) < 300 and not examples:
            examples = _example(f"Example of {status}", content["example"])
    return f"<h4>Answers</h4>{_table(('Status', 'Shape', 'When'), rows)}{examples}"


def _shape(name: str, schema: Schema) -> str:
    return (
        f'<article id="shape-{escape(name)}"><h3>{escape(name)}</h3>'
        f"<p>{_text(schema.get('description', ''))}</p>{_fields(schema)}</article>"
    )


def _fields(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (
            f"<code>{escape(name)}</code>",
            _type(field),
            "yes" if name in required else "",
            _text(field.get("description", "")),
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return _table(("Field", "Type", "Required", "What it is"), rows)


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return _link(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(_json(one))}</code>" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return escape(str(schema.get("format") or schema.get("type", "any")))


def _link(name: str) -> str:
    return f'<a href="#shape-{escape(name)}">{escape(name)}</a>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _example(title: str, example: Any) -> str:
    return f"<details><summary>{escape(title)}</summary><pre>{escape(_json(example, indent=2))}</pre></details>"


def _json(value: Any, indent: int | None = None) -> str:
    return value if isinstance(value, str) and indent is None else json.dumps(value, indent=indent, ensure_ascii=False)


def _text(text: str) -> str:
    # `code` in sentences, as the rest of the document writes it
    parts = escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
