"""The write side of webhooks: what may stand in each field, who may change it, and what history keeps of that."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.stored import (
    ENGINE,
    NOW,
    OPERATOR,
    RULES,
    TRIGGERS,
    VIEWER,
    Worker,
    add_webhook,
    at,
    change,
    delivery,
    emit,
    fields,
)
from webhook_ui import guard, signing, webhooks
from webhook_ui.actors import Actor, Role
from webhook_ui.api import shapes
from webhook_ui.changes import Changed, Kind
from webhook_ui.database import Database
from webhook_ui.errors import Conflict, Forbidden, Invalid, NotFound
from webhook_ui.models import Change, Lane, Subscription, table
from webhook_ui.webhook_fields import Rules, check_fields

GOOD: list[tuple[str, Any, Any]] = [
    ("title", "  Orders  ", "Orders"),
    ("title", "x" * 200, "x" * 200),
    ("title", "Zoë 日本 🎉", "Zoë 日本 🎉"),
    ("url", " https://example.com/hook?a=%20b ", "https://example.com/hook?a=%20b"),
    ("url", "http://example.com:8080", "http://example.com:8080"),
    ("triggers", ["user.created"], ["user.created"]),
    ("triggers", ("user.deleted", "order.paid", "user.deleted"), ["order.paid", "user.deleted"]),
    ("triggers", ["user.*"], ["user.*"]),
    ("triggers", ["user.address.*"], ["user.address.*"]),
    ("enabled", False, False),
    ("paused", True, True),
    ("ordered", True, True),
    ("description", " two\nlines\t ", "two\nlines"),
    ("description", "", ""),
    ("headers", {"Authorization": "Bearer x"}, {"Authorization": "Bearer x"}),
    ("headers", {}, {}),
    ("filter", " data.plan == 'pro'\n", "data.plan == 'pro'"),
    ("filter", None, None),
    ("template", {"shape": "slack"}, {"shape": "slack"}),
    ("template", None, None),
    ("tenant", "acme", "acme"),
    ("tenant", None, None),
    ("rate_limit", 5, 5.0),
    ("rate_limit", 0.00001, 0.00001),
    ("rate_limit", 10_000, 10_000.0),
    ("rate_limit", None, None),
    ("timeout", 1, 1.0),
    ("timeout", 50, 50.0),
    ("timeout", None, None),
    ("retry_schedule", [0, 5, 2592000], [0.0, 5.0, 2592000.0]),
    ("retry_schedule", [], []),
    ("retry_schedule", [1] * 50, [1.0] * 50),
    ("retry_schedule", None, None),
]

BAD: list[tuple[str, Any, str]] = [
    ("title", "", "Give it a title"),
    ("title", "  ", "Give it a title"),
    ("title", None, "must be text"),
    ("title", 5, "must be text"),
    ("title", "x" * 201, "longer than 200"),
    ("title", "a\nb", "control characters"),
    ("title", "a\0b", "control characters"),
    ("title", "a\ud800b", "control characters"),
    ("url", "", "Give the address"),
    ("url", None, "Give the address"),
    ("url", ["https://example.com"], "Give the address"),
    ("url", "javascript:alert(1)", "must start with http"),
    ("url", "example.com/hook", "must start with http"),
    ("url", "http://127.0.0.1:9000/", "--allow-loopback"),
    ("url", "http://localhost:9000/", "--allow-loopback"),
    ("url", "http://10.0.0.1/", "WEBHOOK_UI_ALLOWED_NETWORKS"),
    ("url", "http://169.254.169.254/", "link-local"),
    ("url", "https://user:secret@example.com/", "user name or password"),
    ("triggers", [], "Choose at least one"),
    ("triggers", None, "list of triggers"),
    ("triggers", "user.created", "list of triggers"),
    ("triggers", [5], "list of triggers"),
    ("triggers", ["user.craeted"], "Did you mean user.created"),
    ("triggers", ["nothing.like.it"], "no trigger 'nothing.like.it'"),
    ("triggers", ["*"], "no trigger"),
    ("triggers", ["us*"], "no trigger"),
    ("triggers", ["invoice.*"], "no trigger"),
    ("triggers", ["user.created.*"], "no trigger"),
    ("triggers", [f"user.t{number}" for number in range(201)], "more than 200"),
    ("triggers", ["\ud800"], "no trigger"),
    ("enabled", 1, "true or false"),
    ("enabled", "true", "true or false"),
    ("enabled", None, "true or false"),
    ("paused", 0, "true or false"),
    ("ordered", "no", "true or false"),
    ("description", "x" * 2001, "longer than 2000"),
    ("description", None, "must be text"),
    ("description", "a\0b", "control characters"),
    ("headers", None, "an object"),
    ("headers", [["a", "b"]], "an object"),
    ("headers", {"X-A": 5}, "must be text"),
    ("headers", {"Host": "evil.test"}, "set by the delivery itself"),
    ("headers", {"Webhook-Id": "x"}, "set by the delivery itself"),
    ("headers", {"Content-Length": "1"}, "set by the delivery itself"),
    ("headers", {"X A": "1"}, "does not allow"),
    ("headers", {"X-A": "b\r\nc: d"}, "does not allow"),
    ("headers", {"X-A": "1", "x-a": "2"}, "given twice"),
    ("headers", {"X-A": "x" * 4097}, "more than 4096"),
    ("filter", " ", "must not be empty"),
    ("filter", 7, "must be text"),
    ("filter", "data.a\0", "control characters"),
    ("filter", "a" * 4001, "longer than 4000"),
    ("filter", "data.a = 'x'", "Line 1, column 8"),
    ("template", "slack", "null or an object"),
    ("tenant", 7, "must be text"),
    ("tenant", " ", "must not be empty"),
    ("tenant", "x" * 201, "longer than 200"),
    ("tenant", "a\0b", "control characters"),
    ("rate_limit", 0, "between 0.00001 and 10,000"),
    ("rate_limit", -1, "between 0.00001 and 10,000"),
    ("rate_limit", 1e-300, "between 0.00001 and 10,000"),
    ("rate_limit", 10_001, "between 0.00001 and 10,000"),
    ("rate_limit", float("nan"), "between 0.00001 and 10,000"),
    ("rate_limit", float("inf"), "between 0.00001 and 10,000"),
    ("rate_limit", 10**400, "between 0.00001 and 10,000"),
    ("rate_limit", True, "number of deliveries a second"),
    ("rate_limit", "5", "number of deliveries a second"),
    ("timeout", 0.5, "at least 1 second"),
    ("timeout", 51, "between 0 and 50"),
    ("timeout", -1, "between 0 and 50"),
    ("timeout", True, "number of seconds"),
    ("timeout", "5", "number of seconds"),
    ("timeout", float("nan"), "between 0 and 50"),
    ("timeout", float("inf"), "between 0 and 50"),
    ("timeout", 10**400, "between 0 and 50"),
    ("retry_schedule", 5, "list of seconds"),
    ("retry_schedule", "5,5", "list of seconds"),
    ("retry_schedule", [5, "x"], "number of seconds"),
    ("retry_schedule", [-1], "between 0 and"),
    ("retry_schedule", [2592001], "between 0 and 2,592,000 seconds"),
    ("retry_schedule", [float("nan")], "between 0 and"),
    ("retry_schedule", [10**400], "between 0 and"),
    ("retry_schedule", [1] * 51, "more than 50"),
]


def history(database: Database) -> list[Any]:
    """History, oldest first."""
    rows = table(Change)
    return database.read_now(lambda session: list(session.execute(sa.select(rows).order_by(rows.c.id))))


def patterns_of(database: Database, webhook_id: int) -> set[str]:
    rows = table(Subscription)
    statement = sa.select(rows.c.pattern).where(rows.c.webhook_id == webhook_id)
    return database.read_now(lambda session: set(session.execute(statement).scalars()))


def get(database: Database, webhook_id: int) -> Any:
    return database.read_now(webhooks.get, webhook_id, deleted=True)


# --- fields


@pytest.mark.parametrize(("name", "value", "kept"), GOOD)
def test_a_good_value_is_kept_as(name: str, value: Any, kept: Any) -> None:
    assert check_fields({name: value}, rules=RULES, whole=False) == {name: kept}
    assert check_fields(fields(**{name: value}), rules=RULES, whole=True)[name] == kept


@pytest.mark.parametrize(("name", "value", "says"), BAD)
def test_a_bad_value_is_explained_at_its_field(name: str, value: Any, says: str) -> None:
    for whole in (True, False):
        with pytest.raises(Invalid) as caught:
            check_fields(fields(**{name: value}), rules=RULES, whole=whole)
        assert set(caught.value.fields) == {name}
        assert says in caught.value.fields[name]
        caught.value.fields[name].encode()  # can be sent as an answer


def test_every_field_has_a_good_and_a_bad_value_here() -> None:
    with pytest.raises(Invalid) as caught:
        check_fields({"unheard": 1}, rules=RULES, whole=True)
    assert set(caught.value.fields) == {"unheard", "title", "url", "triggers"}
    known = {name for name, _, _ in GOOD}
    assert known == {name for name, _, _ in BAD}
    for name in known:
        with pytest.raises(Invalid) as caught:
            check_fields({name + "x": 1}, rules=RULES, whole=False)
        assert caught.value.fields == {name + "x": f"There is no such field. Did you mean {name}?"}


NOT_FIELDS = "id uid version secret old_secret created_at updated_at deleted_at disabled_reason"


@pytest.mark.parametrize("name", NOT_FIELDS.split())
def test_what_is_not_to_be_set_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_fields(fields(**{name: "x"}), rules=RULES, whole=True)
    shown = name in shapes.Webhook.__struct_fields__
    kept = "This is shown, but set by the server alone. Leave it out."
    assert caught.value.fields == {name: kept if shown else "There is no such field."}


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        check_fields({"title": "", "url": "ftp://x", "ordred": True, "timeout": 0}, rules=RULES, whole=True)
    assert set(caught.value.fields) == {"title", "url", "ordred", "timeout", "triggers"}
    assert "Did you mean ordered?" in caught.value.fields["ordred"]


def test_https_may_be_required_and_networks_allowed() -> None:
    strict = Rules(policy=guard.Policy(require_https=True), triggers=TRIGGERS, longest_timeout=50)
    with pytest.raises(Invalid, match="WEBHOOK_UI_REQUIRE_HTTPS"):
        check_fields(fields(url="http://example.com/"), rules=strict, whole=True)
    local = guard.Policy(allowed_networks=guard.parse_networks("127.0.0.0/8"))
    open_ = Rules(policy=local, triggers=TRIGGERS, longest_timeout=50)
    assert check_fields({"url": "http://127.0.0.1:9000/"}, rules=open_, whole=False)


def test_a_refused_webhook_is_not_stored(database: Database) -> None:
    with pytest.raises(Invalid):
        add_webhook(database, title="")
    assert history(database) == []
    webhook_id = add_webhook(database)
    with pytest.raises(Invalid):
        change(database, webhook_id, title="New", url="javascript:alert(1)")
    assert get(database, webhook_id).title == "Orders"


# --- add and change


def test_a_new_webhook_is_whole(database: Database) -> None:
    first, second = add_webhook(database), add_webhook(database, enabled=False, tenant="acme", ordered=True)
    webhook, other = get(database, first), get(database, second)
    assert (webhook.version, webhook.enabled, webhook.paused, webhook.ordered, webhook.tenant) == (
        1,
        True,
        False,
        False,
        None,
    )
    assert (webhook.created_at, webhook.updated_at, webhook.deleted_at) == (NOW, NOW, None)
    assert signing.secret_key(webhook.secret)
    assert len({webhook.uid, other.uid, webhook.secret, other.secret}) == 4
    assert (other.enabled, other.tenant, other.ordered) == (False, "acme", True)
    lanes = database.read_now(lambda session: list(session.execute(sa.select(table(Lane)))))
    assert [(lane.webhook_id, lane.breaker, lane.last_result) for lane in lanes] == [
        (first, "closed", None),
        (second, "closed", None),
    ]


def test_an_edit_moves_version_and_update_date(database: Database) -> None:
    webhook_id = add_webhook(database)
    uid = get(database, webhook_id).uid
    change(database, webhook_id, title="New", now=at(60))
    webhook = get(database, webhook_id)
    assert (webhook.title, webhook.version, webhook.created_at, webhook.updated_at) == ("New", 2, NOW, at(60))
    assert webhook.uid == uid
    change(database, webhook_id, title="New", triggers=["user.created"], now=at(90))
    webhook = get(database, webhook_id)
    assert (webhook.version, webhook.updated_at) == (2, at(60)), "nothing was changed by that"
    assert len(history(database)) == 2


def test_each_field_is_changed_alone(database: Database) -> None:
    webhook_id = add_webhook(database)
    for name, value, kept in GOOD:
        stored = get(database, webhook_id)
        before = {other: getattr(stored, other) for other, _, _ in GOOD if other != name}
        change(database, webhook_id, **{name: value})
        after = get(database, webhook_id)
        assert getattr(after, name) == kept
        assert {other: getattr(after, other) for other in before} == before


def test_the_engine_moves_the_version_but_not_the_update_date(database: Database) -> None:
    webhook_id = add_webhook(database)
    database.write_now(webhooks.disable, webhook_id, reason="410 Gone", actor=ENGINE, now=at(60))
    webhook = get(database, webhook_id)
    assert (webhook.enabled, webhook.disabled_reason) == (False, "410 Gone")
    assert (webhook.version, webhook.updated_at) == (2, NOW)
    database.write_now(webhooks.disable, webhook_id, reason="again", actor=ENGINE, now=at(90))
    assert get(database, webhook_id).disabled_reason == "410 Gone", "the first reason stays"
    change(database, webhook_id, enabled=True, now=at(120))
    webhook = get(database, webhook_id)
    assert (webhook.enabled, webhook.disabled_reason, webhook.updated_at) == (True, None, at(120))


def test_a_deleted_webhook_can_still_be_disabled_by_a_late_answer(database: Database) -> None:
    webhook_id = add_webhook(database)
    database.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=NOW)
    database.write_now(webhooks.disable, webhook_id, reason="410 Gone", actor=ENGINE, now=at(1))
    assert get(database, webhook_id).disabled_reason == "410 Gone"


def test_who_saw_an_older_version_is_told(database: Database) -> None:
    webhook_id = add_webhook(database)

    def save(version: int, **values: Any) -> Any:
        return database.write_now(
            webhooks.change, webhook_id, values, rules=RULES, actor=OPERATOR, now=NOW, version=version
        )

    assert save(1, title="Mine").version == 2
    with pytest.raises(Conflict, match=r"version 2, you saw 1.* Load it again"):
        save(1, title="Theirs")
    assert get(database, webhook_id).title == "Mine"
    assert save(2, title="Theirs").version == 3


def test_a_trigger_whose_plugin_is_gone_may_stay(database: Database) -> None:
    webhook_id = add_webhook(database, triggers=["user.created", "order.paid"])
    poorer = Rules(policy=RULES.policy, triggers=["user.created"], longest_timeout=50)

    def save(*triggers: str) -> None:
        values = {"triggers": list(triggers)}
        database.write_now(webhooks.change, webhook_id, values, rules=poorer, actor=OPERATOR, now=NOW)

    save("order.paid")
    assert get(database, webhook_id).triggers == ["order.paid"]
    with pytest.raises(Invalid, match=r"no trigger 'user\.deleted'"):
        save("order.paid", "user.deleted")


def test_subscriptions_follow_the_triggers(database: Database) -> None:
    webhook_id = add_webhook(database, triggers=["user.created", "user.*"])
    assert patterns_of(database, webhook_id) == {"user.created", "user.*"}
    change(database, webhook_id, triggers=["order.paid", "user.*"])
    assert patterns_of(database, webhook_id) == {"order.paid", "user.*"}


# --- roles


ACTIONS: list[tuple[str, Callable[[Database, int, Actor], Any]]] = [
    ("add", lambda db, _, actor: db.write_now(webhooks.add, fields(), rules=RULES, actor=actor, now=NOW)),
    (
        "change",
        lambda db, one, actor: db.write_now(webhooks.change, one, {"title": "x"}, rules=RULES, actor=actor, now=NOW),
    ),
    ("delete", lambda db, one, actor: db.write_now(webhooks.delete, one, actor=actor, now=NOW)),
    ("restore", lambda db, one, actor: db.write_now(webhooks.restore, one, actor=actor, now=NOW)),
    ("resume", lambda db, one, actor: db.write_now(webhooks.resume, one, rate=5, actor=actor, now=NOW)),
    ("rotate_secret", lambda db, one, actor: db.write_now(webhooks.rotate_secret, one, actor=actor, now=NOW)),
    ("reveal_secret", lambda db, one, actor: db.read_now(webhooks.reveal_secret, one, actor=actor)),
]


@pytest.mark.parametrize(("name", "action"), ACTIONS, ids=[name for name, _ in ACTIONS])
def test_a_viewer_changes_nothing(database: Database, name: str, action: Callable[[Database, int, Actor], Any]) -> None:
    webhook_id = add_webhook(database)
    if name == "restore":
        database.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=NOW)
    before = len(history(database))
    with pytest.raises(Forbidden, match="needs the role operator"):
        action(database, webhook_id, VIEWER)
    assert len(history(database)) == before
    action(database, webhook_id, Actor(kind="person", name="ada", role=Role.admin))


@pytest.mark.parametrize("webhook_id", [0, -1, 99, 1 << 63, 10**30])
def test_what_is_not_there_is_not_found(database: Database, webhook_id: int) -> None:
    for name, action in ACTIONS:
        if name != "add":
            with pytest.raises(NotFound, match="no webhook"):
                action(database, webhook_id, OPERATOR)


# --- delete and restore


def test_a_deleted_webhook_is_gone_until_it_is_restored(database: Database) -> None:
    webhook_id = add_webhook(database, triggers=["user.*"], paused=True)
    with pytest.raises(Conflict, match="not deleted"):
        database.write_now(webhooks.restore, webhook_id, actor=OPERATOR, now=NOW)
    database.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=at(60))
    with pytest.raises(NotFound, match="may have been deleted"):
        database.read_now(webhooks.get, webhook_id)
    for _, action in ACTIONS[1:3]:
        with pytest.raises(NotFound):
            action(database, webhook_id, OPERATOR)
    assert patterns_of(database, webhook_id) == set()
    assert emit(database)
    assert database.read_now(webhooks.gone_since, at(60)) == []
    assert database.read_now(webhooks.gone_since, at(61)) == [webhook_id]

    webhook = database.write_now(webhooks.restore, webhook_id, actor=OPERATOR, now=at(60) + timedelta(days=30))
    assert (webhook.deleted_at, webhook.paused, webhook.version) == (None, True, 3)
    assert webhook.updated_at == at(60) + timedelta(days=30)
    assert patterns_of(database, webhook_id) == {"user.*"}
    assert database.read_now(webhooks.get, webhook_id).title == "Orders"


def test_after_thirty_days_it_is_gone_for_good(database: Database) -> None:
    webhook_id = add_webhook(database)
    database.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=NOW)
    late = NOW + timedelta(days=30, microseconds=1)
    with pytest.raises(NotFound, match="more than 30 days ago"):
        database.write_now(webhooks.restore, webhook_id, actor=OPERATOR, now=late)
    assert database.read_now(webhooks.gone_since, late - webhooks.RESTORABLE) == [webhook_id]


def test_what_is_open_waits_while_a_webhook_is_deleted(database: Database) -> None:
    webhook_id = add_webhook(database)
    event_id = emit(database)
    before = delivery(database, webhook_id, event_id)
    database.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=NOW)
    assert Worker(database).claim(at(1)).deliveries == []
    assert delivery(database, webhook_id, event_id) == before
    database.write_now(webhooks.restore, webhook_id, actor=OPERATOR, now=at(2))
    assert Worker(database).deliver(200, at(3)) == 1


# --- secrets


def test_both_secrets_sign_for_a_day_after_a_rotation(database: Database) -> None:
    webhook_id = add_webhook(database)
    old = database.read_now(webhooks.reveal_secret, webhook_id, actor=OPERATOR)
    database.write_now(webhooks.rotate_secret, webhook_id, actor=OPERATOR, now=at(0))
    new = database.read_now(webhooks.reveal_secret, webhook_id, actor=OPERATOR)
    assert new != old
    assert get(database, webhook_id).version == 2
    day = 24 * 3600
    for seconds, expected in ((1, (new, old)), (day - 1, (new, old)), (day, (new,)), (day + 1, (new,))):
        event_id = emit(database, now=at(seconds))
        worker = Worker(database)
        (claimed,) = worker.claim(at(seconds)).deliveries
        assert claimed.event_id == event_id
        assert tuple(claimed.target.secrets) == expected
        database.write_now(
            lambda session, one=claimed: session.execute(
                sa.text("UPDATE webhook_ui_delivery SET due_at = NULL, claim = NULL, status = 'sent', closed = 'sent'")
            )
        )


def test_a_second_rotation_within_a_day_would_break_who_has_the_first(database: Database) -> None:
    webhook_id = add_webhook(database)

    def rotate(now: datetime, **how: bool) -> tuple[str, str]:
        webhook = database.write_now(webhooks.rotate_secret, webhook_id, actor=OPERATOR, now=now, **how)
        return webhook.old_secret, webhook.secret

    first, second = rotate(at(0))
    with pytest.raises(Conflict, match=r"rotated 3 hours ago.* until 2026-11-24T09:00:00Z.* with force"):
        rotate(at(3 * 3600 + 60))
    assert (get(database, webhook_id).old_secret, get(database, webhook_id).secret) == (first, second)
    assert rotate(at(4 * 3600), force=True)[0] == second
    assert rotate(at(28 * 3600))[0] not in (first, second), "a day later it needs no force"


# --- history


def test_history_says_who_changed_what_from_what(database: Database) -> None:
    webhook_id = add_webhook(database, headers={"Authorization": "Bearer very-private"})
    change(database, webhook_id, title="New", headers={"X-Key": "also-private"}, now=at(1))
    database.write_now(webhooks.rotate_secret, webhook_id, actor=OPERATOR, now=at(2))
    database.write_now(webhooks.disable, webhook_id, reason="410 Gone", actor=ENGINE, now=at(3))
    database.write_now(webhooks.delete, webhook_id, actor=OPERATOR, now=at(4))
    database.write_now(webhooks.restore, webhook_id, actor=OPERATOR, now=at(5))
    rows = history(database)
    assert [row.action for row in rows] == [
        "webhook.created",
        "webhook.changed",
        "webhook.secret_rotated",
        "webhook.disabled",
        "webhook.deleted",
        "webhook.restored",
    ]
    assert [row.at for row in rows] == [at(second) for second in range(6)]
    assert {(row.subject, row.subject_id) for row in rows} == {("webhook", str(webhook_id))}
    assert (rows[0].actor_kind, rows[0].actor, rows[0].origin) == ("person", OPERATOR.name, "127.0.0.1")
    assert (rows[3].actor_kind, rows[3].actor) == ("system", ENGINE.name)

    created, changed, rotated, disabled, deleted, restored = ((row.before, row.after) for row in rows)
    assert created[0] is None
    assert created[1]["headers"] == ["Authorization"]
    assert changed[0] == created[1]
    assert changed[1] == changed[0] | {"title": "New", "headers": ["X-Key"]}
    assert rotated[0] == rotated[1] == changed[1]
    assert disabled[1] == disabled[0] | {"enabled": False, "disabled_reason": "410 Gone"}
    assert deleted == (disabled[1], None)
    assert restored == (None, disabled[1])

    webhook = get(database, webhook_id)
    text = str(rows)
    for private in ("very-private", "also-private", "whsec_", webhook.secret, webhook.old_secret):
        assert private not in text


def test_a_change_is_announced(database: Database) -> None:
    seen: list[frozenset[Changed]] = []
    database.announcer.subscribe(seen.append)
    webhook_id = add_webhook(database)
    change(database, webhook_id, title="New")
    change(database, webhook_id, title="New")
    database.write_now(lambda session: None)
    assert seen == [frozenset({Changed(Kind.webhook, webhook_id)})] * 2, "and what changes nothing is not"
