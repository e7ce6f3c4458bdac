"""Webhooks as files: `export` and `import` as people type them, on both databases, and with files of any kind."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from tests.processes import Installation, add_webhook, body_of, payload, receiver
from webhook_ui import signing
from webhook_ui.api.webhooks import WebhookChange
from webhook_ui.moving import document, files

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ODD = [
    {"title": "🚀 Welcome “e-mails”: #1 - yes", "description": "Two lines\n\n  and\ttabs # more: no", "tenant": "null"},
    {"title": "مزامنة عملاء المتجر", "description": "\u202eturned\u2028 around", "tenant": "1e5"},
    {"title": "- [a]: {b}, 'c' \"d\" \\n", "filter": "data.plan == 'pro'\n  && data.amount > `100`"},
    {"title": "NO", "headers": {"X-B": "two  words: x", "X-A": "", "null": "12"}, "tenant": "2026-11-28"},
    {"title": "12_000", "rate_limit": 0.00001, "timeout": 2.5, "retry_schedule": [], "ordered": True},
    {"title": "~", "template": {"shape": "custom", "expression": "{\n  who: data.name\n}"}, "retry_schedule": [5, 0.5]},
    {"title": "Off", "enabled": False, "paused": True, "signer": "ed25519", "triggers": ["user.*", "user.created"]},
]


@pytest.fixture
def installation(tmp_path: Path, sqlite_url: sa.URL) -> Iterator[Installation]:
    made = Installation(tmp_path / "here", database_url=sqlite_url.render_as_string())
    yield made
    made.end()


@pytest.fixture
def either(tmp_path: Path, database_url: sa.URL) -> Iterator[Installation]:
    """One on each of the two databases in turn."""
    url = database_url if database_url.get_backend_name() == "sqlite" else database_url.set(drivername="postgresql")
    made = Installation(tmp_path / "here", database_url=url.render_as_string(hide_password=False))
    yield made
    made.end()


def write(installation: Installation, *entries: dict[str, Any], name: str = "hooks.yaml", **head: Any) -> str:
    """A file with these webhooks; what is not said is said here."""
    content = {
        "format": "webhook-ui/1",
        "webhooks": [{"uid": f"hook-{number}", **usual(), **entry} for number, entry in enumerate(entries)],
        **head,
    }
    installation.folder.mkdir(exist_ok=True)
    (installation.folder / name).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return name


def usual() -> dict[str, Any]:
    """What every webhook needs."""
    return {"title": "CRM", "url": "https://crm.example.com/", "triggers": ["user.created"]}


def done(installation: Installation, *arguments: str, code: int = 0, stdin: str = "") -> str:
    """What the command printed that ended so."""
    ended = installation.run(*arguments, stdin=stdin)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def refused(installation: Installation, *arguments: str, stdin: str = "") -> list[str]:
    """The lines of an import that was refused; nothing came of it."""
    ended = installation.run(*arguments, stdin=stdin)
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    assert "webhooks: []" in installation.run("export", "-").stdout
    return ended.stderr.splitlines()


def test_a_file_is_the_same_wherever_it_was_brought_in(
    installation: Installation, tmp_path: Path, postgres_url: sa.URL
) -> None:
    last_first = [{"uid": f"hook-{9 - number}", **one} for number, one in enumerate(ODD)]
    done(installation, "import", write(installation, *last_first))
    exported = yaml.safe_load(done(installation, "export", "-"))["webhooks"]
    assert [one["uid"] for one in exported] == sorted(one["uid"] for one in last_first)
    url = postgres_url.set(drivername="postgresql").render_as_string(hide_password=False)
    other = Installation(tmp_path / "elsewhere", database_url=url)
    for ending, told in (("yaml", "7 created"), ("json", "7 unchanged")):
        first = installation.folder / f"first.{ending}"
        assert "7 webhooks written" in done(installation, "export", first.name, "--with-secrets")
        assert told in done(other, "import", str(first))
        done(other, "export", f"second.{ending}", "--with-secrets")
        assert (other.folder / f"second.{ending}").read_bytes() == first.read_bytes()
        assert done(installation, "export", "-", "--format", ending) == done(other, "export", "-", "--format", ending)
    assert "7 unchanged" in done(installation, "import", "first.json", "--dry-run")


def test_an_export_has_all_that_operators_set_and_nothing_else() -> None:
    assert set(document.FIELDS) == set(WebhookChange.__struct_fields__)


def test_without_secrets_a_file_holds_none_and_changes_none(installation: Installation) -> None:
    entry = {"headers": {"Authorization": "Bearer secret-word", "X-Team": "crm"}, "secret": SECRET}
    done(installation, "import", write(installation, entry))
    whole = done(installation, "export", "-", "--with-secrets")
    assert "secret-word" in whole
    assert SECRET in whole
    done(installation, "export", "plain.yaml")
    plain = (installation.folder / "plain.yaml").read_text()
    assert "secret-word" not in plain
    assert "whsec_" not in plain
    assert 'Authorization: "•••"' in plain
    assert "1 unchanged" in done(installation, "import", "plain.yaml")
    assert done(installation, "export", "-", "--with-secrets") == whole, "what is not in the file stays"


def test_who_may_read_a_file_with_secrets(installation: Installation) -> None:
    done(installation, "import", write(installation, {}))
    path = installation.folder / "out.yaml"
    done(installation, "export", "out.yaml")
    assert stat.S_IMODE(path.stat().st_mode) & 0o044
    assert "mode 600" in done(installation, "export", "out.yaml", "--with-secrets")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    done(installation, "export", "out.yaml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "whoever could not read it before cannot now"
    path.chmod(0o640)
    done(installation, "export", "out.yaml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_an_export_overwrites_exports_alone_and_leaves_nothing_beside_them(installation: Installation) -> None:
    done(installation, "import", write(installation, {}))
    folder = installation.folder
    (folder / "notes.yaml").write_text("- buy milk\n")
    assert "--force" in installation.run("export", "notes.yaml").stderr
    assert (folder / "notes.yaml").read_text() == "- buy milk\n"
    done(installation, "export", "notes.yaml", "--force")
    (folder / "kept").mkdir()
    (folder / "link.json").symlink_to("kept/hooks.json")
    for _ in range(2):
        done(installation, "export", "link.json")
    assert (folder / "link.json").is_symlink()
    assert [one.name for one in (folder / "kept").iterdir()] == ["hooks.json"]
    before = sorted(one.name for one in folder.iterdir())
    for name in ("plugins", "nowhere/hooks.yaml", "hooks.txt"):
        ended = installation.run("export", name)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert sorted(one.name for one in folder.iterdir()) == before


def test_a_difference_shows_what_changed_and_nothing_else(installation: Installation) -> None:
    done(installation, "import", write(installation, {}, {"title": "Billing"}))
    before = done(installation, "export", "-").splitlines()
    edited = (
        "\n".join(before).replace("title: Billing", "title: Ledger").replace("rate_limit: null", "rate_limit: 5", 1)
    )
    assert "2 changed" in done(installation, "import", "-", stdin=edited)
    after = done(installation, "export", "-").splitlines()
    assert [line for line in after if line not in before] == ["    rate_limit: 5", "    title: Ledger"]
    assert len(after) == len(before)


def test_a_dry_run_tells_the_difference_and_no_secret(installation: Installation) -> None:
    known = {"title": "Known", "headers": {"X-Key": "old-word", "X-Gone": "1"}, "secret": SECRET, "filter": "data.id"}
    done(installation, "import", write(installation, known, {"title": "Missing"}))
    stored = done(installation, "export", "-", "--with-secrets")
    wanted = known | {
        "title": "Known \u202e",
        "headers": {"X-Key": "new-word"},
        "filter": None,
        "paused": True,
        "secret": signing.new_secret(),
    }
    name = write(installation, wanted, {"uid": "new", "title": "New", "headers": {"X-Key": "third-word"}})
    told = done(installation, "import", name, "--dry-run", "--delete-missing", code=1)
    assert told.splitlines() == [
        'change   hook-0  "Known"',
        '    - title: "Known"',
        '    + title: "Known \\u202e"',
        "    - paused: false",
        "    + paused: true",
        "    - headers: X-Gone",
        "    ~ headers: X-Key (another value)",
        '    - filter: "data.id"',
        "    + filter: null",
        "    ~ secret: another one; the one before it signs beside it for 24 hours",
        'create   new  "New"',
        '    + title: "New"',
        '    + url: "https://crm.example.com/"',
        '    + triggers: ["user.created"]',
        "    + headers: X-Key",
        'delete   hook-1  "Missing"',
        "1 to create, 1 to change, 1 to delete, 0 unchanged. Nothing was changed.",
    ]
    assert done(installation, "export", "-", "--with-secrets") == stored
    done(installation, "import", name, "--delete-missing")
    assert "2 unchanged" in done(installation, "import", name, "--dry-run", "--delete-missing")


def test_all_mistakes_are_told_at_once_and_nothing_is_done(installation: Installation) -> None:
    (installation.folder / "hooks.yaml").write_text("""format: webhook-ui/1
webhooks:
  - uid: one
    title: Good
    url: https://crm.example.com/
    triggers: [user.created]
  - uid: two
    title: ""
    url: http://127.0.0.1:9000/
    triggers:
      - user.craeted
    fliter: data.id
    created_at: 2026-11-28
  - uid: one
    title: Again
    url: https://crm.example.com/
    triggers: [user.created]
    enabled: yes
  - title: 7
    secret: whsec_short
""")
    lines = refused(installation, "import", "hooks.yaml")
    told = "\n".join(lines)
    for line, field, words in (
        (8, "webhooks[1].title", "Give it a title"),
        (9, "webhooks[1].url", "--allow-loopback"),
        (10, "webhooks[1].triggers", "Did you mean user.created?"),
        (12, "webhooks[1].fliter", "Did you mean filter?"),
        (13, "webhooks[1].created_at", "Leave it out"),
        (14, "webhooks[2].uid", "line 3"),
        (18, "webhooks[2].enabled", "true or false"),
        (19, "webhooks[3].uid", "Give it a uid"),
        (19, "webhooks[3].title", "This must be text"),
        (19, "webhooks[3].url", "Give the address"),
        (20, "webhooks[3].secret", "base64"),
    ):
        assert any(one.startswith(f"line {line}, {field}: ") and words in one for one in lines), f"{field}\n{told}"
    assert lines[-1] == "webhook-ui: hooks.yaml has 12 mistakes. Nothing was changed."
    assert "short" not in told


BOMB = "\n".join(["a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True))])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must begin with `format: webhook-ui/1`"),
        (b"- a\n", "must begin with"),
        (b"format: webhook-ui/2\nwebhooks: []\n", "reads webhook-ui/1"),
        (b"format: webhook-ui/1\n", "list of webhooks"),
        (
            b"format: webhook-ui/1\nwebhooks: {}\nhooks: 1\n",
            "line 3, hooks: There is no such field. Did you mean webhooks",
        ),
        (b"format: webhook-ui/1\nwebhooks: [7]\n", "line 2, webhooks[0]: This must be a webhook"),
        (BOMB.encode(), "line 1, a: Anchors and aliases"),
        (b"format: webhook-ui/1\nwebhooks: !!python/object/apply:os.system [touch pwned]\n", "line 2, webhooks: Tags"),
        (b"format: webhook-ui/1\nwebhooks: " + b"[" * 100_000, "nested too deep"),
        (b'{"format": "webhook-ui/1", "webhooks": ' + b"[" * 100_000, "nested too deep"),
        (b'{"format": "webhook-ui/1", "webhooks": [{"uid": "a", "uid": "b"}]}', "uid"),
        (b'{"format": "webhook-ui/1",\n "webhooks": [}', "line 2: This is not valid JSON"),
        (b'{"format": "webhook-ui/1", "webhooks": NaN}', "NaN is no JSON number"),
        (b"format: webhook-ui/1\nwebhooks: []\nwebhooks: []\n", "line 3, webhooks: This is given twice"),
        (b"format: webhook-ui/1\nwebhooks: []\n---\nmore: 1\n", "line 3: A second document"),
        (b"format: webhook-ui/1\nwebhooks:\n\t- a\n", "line 3: This is not valid YAML"),
        (b"format: webhook-ui/1\n# \xff\n", "line 2: This is not UTF-8"),
        (b"format: webhook-ui/1\n# \x07\n", "line 2: This cannot be read as YAML"),
        (b"format: webhook-ui/1\nwebhooks:\n  - uid: '../x'\n", "line 3, webhooks[0].uid: A uid has 1 to 100 letters"),
        (
            b"format: webhook-ui/1\nwebhooks:\n  - uid: " + b"9" * 5000,
            "line 3, webhooks[0].uid: This number is too long",
        ),
        (b"format: webhook-ui/1\n? [a]\n: b\n", "line 2: A name is wanted here"),
    ],
)
def test_what_is_no_file_of_webhooks_is_refused(installation: Installation, content: bytes, said: str) -> None:
    name = "hooks.json" if content.startswith(b"{") else "hooks.yaml"
    (installation.folder / name).write_bytes(content)
    assert said in "\n".join(refused(installation, "import", name))
    assert not (installation.folder / "pwned").exists()


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 100)
    (tmp_path / "hooks.yaml").write_text("#" * 101)
    with pytest.raises(Exception, match="more than 100 bytes"):
        files.read(str(tmp_path / "hooks.yaml"), None)


def test_a_value_that_is_not_in_the_file_must_be_known(installation: Installation) -> None:
    name = write(installation, {"headers": {"X-Key": "•••", "X-Team": "crm"}})
    (line,) = refused(installation, "import", name)
    assert "webhooks[0].headers: The value of X-Key is not in this file" in line
    assert "--with-secrets" in line
    done(installation, "import", write(installation, {"headers": {"X-Key": "word"}}))
    assert "+ headers: X-Team" in done(
        installation, "import", write(installation, {"headers": {"X-Key": "•••", "X-Team": "a"}})
    )
    assert "X-Key: word" in done(installation, "export", "-", "--with-secrets")


def test_json_is_known_by_its_looks_and_a_mark_at_its_begin_is_no_matter(installation: Installation) -> None:
    done(installation, "import", write(installation, {}))
    as_json = done(installation, "export", "-", "--format", "json")
    escaped = json.dumps(json.loads(as_json) | {})  # as other programs write it: half characters, on one line
    assert "1 unchanged" in done(installation, "import", "-", stdin=escaped)
    assert "1 unchanged" in done(installation, "import", "-", stdin="\ufeff" + done(installation, "export", "-"))


def test_a_running_server_takes_an_import_up_at_once(either: Installation) -> None:
    _, address = either.serve("--allow-loopback")
    with receiver() as target, either.api(address) as api:
        held = add_webhook(api, target.url, paused=True, title="Held")
        gone = add_webhook(api, target.url, title="Gone", enabled=False)
        api.post("/events", json={"trigger": "user.created", "payload": payload(1)})
        exported = done(either, "export", "-")
        assert api.get(f"/webhooks/{held['id']}").json()["paused"] is True
        lines = exported.replace("paused: true", "paused: false").splitlines()
        first = next(number for number, line in enumerate(lines) if gone["uid"] in line)
        without = [*lines[:first], *lines[first + 17 :]]
        ended = either.run("import", "-", "--delete-missing", "--allow-loopback", stdin="\n".join(without))
        assert ended.returncode == 0, ended.stderr
        target.wait_for(lambda ids: len(ids) == 1)
        assert body_of(target.requests[0])["data"] == payload(1)
        assert api.get(f"/webhooks/{gone['id']}").status_code == 404
        shown = api.get(f"/webhooks/{held['id']}").json()
        assert (shown["uid"], shown["paused"], shown["version"]) == (held["uid"], False, held["version"] + 1)
        assert api.post(f"/webhooks/{gone['id']}/restore").status_code == 200


def test_a_secret_is_taken_from_the_file_or_made(either: Installation) -> None:
    _, address = either.serve()
    with either.api(address) as api:
        told = done(either, "import", write(either, {"secret": SECRET}, {"title": "Made"}))
        assert "New secrets were made for Made (ID 2)" in told
        assert api.get("/webhooks/1/secret").json()["secret"] == SECRET
        assert signing.secret_key(api.get("/webhooks/2/secret").json()["secret"])
        other = signing.new_secret()
        assert "signs beside it" in done(either, "import", write(either, {"secret": other}, {"title": "Made"}))
        assert api.get("/webhooks/1/secret").json()["secret"] == other
        third = write(either, {"secret": signing.new_secret()}, {"title": "Made"})
        ended = either.run("import", third)
        assert ended.returncode == 2
        assert "rotated less than a day ago" in ended.stderr
        assert "Two secrets sign at present for CRM (ID 1)" in done(either, "export", "all.yaml", "--with-secrets")
