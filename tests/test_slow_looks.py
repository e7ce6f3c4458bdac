"""Pages whose looks at the database take long: here attempts are locked, so that nothing about them can be read."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from tests.browser import Enter, Receiver, Site, serve
from tests.moving import postgresql
from webhook_ui import ids

pytest_plugins = ["tests.browser"]

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def place(postgres_server: sa.URL) -> Iterator[str]:
    """A database, as psycopg is told of it."""
    with postgresql(postgres_server) as url:
        yield url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, place: str) -> Iterator[Site]:
    """A server with PostgreSQL, in which a table can be locked for those who read, too."""
    with serve(tmp_path_factory.mktemp("site"), database_url=place) as made:
        yield made


@contextmanager
def locked(place: str) -> Iterator[None]:
    """Until the end of it nobody can read attempts; then all who wanted to have read them."""
    with psycopg.connect(place) as connection, psycopg.connect(place, autocommit=True) as beside:
        connection.execute("LOCK TABLE webhook_ui_attempt IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()
        while beside.execute(WAITING).fetchone() != (0,):
            pass


@pytest.mark.browser
def test_a_panel_that_is_closed_while_it_looks_stays_closed(
    site: Site, receiver: Receiver, enter: Enter, place: str
) -> None:
    webhook_id = int(site.add("Billing", url=f"{receiver.url}/a").id or 0)
    older, newer = (f"delivery={ids.delivery_text(webhook_id, site.emit().event_id)}" for _ in range(2))
    receiver.wait_for("/a", 2)
    page = enter(f"/webhooks/{webhook_id}?{newer}").page
    panel = page.get_by_role("dialog", name="Delivery")
    expect(panel).to_contain_text("200 OK")
    with locked(place):
        panel.get_by_role("button", name="Older delivery").click()
        page.wait_for_url(f"**{older}")
        page.keyboard.press("Escape")
        expect(panel).to_have_count(0)
        page.wait_for_url(f"{site.url}/webhooks/{webhook_id}")
    page.get_by_role("tab", name="Health").click()
    expect(page.get_by_role("tabpanel", name="Health")).to_be_visible()  # all that was said before has arrived
    expect(panel).to_have_count(0)
