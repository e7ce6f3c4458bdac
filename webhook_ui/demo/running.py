"""Puts the demo together: a folder that goes again, receivers, a furnished database, the server, and traffic."""

import logging
import secrets
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from importlib.resources import files
from ipaddress import ip_network
from pathlib import Path

from webhook_ui import serving, settings, workers
from webhook_ui.app import Core
from webhook_ui.demo import furnishing, traffic
from webhook_ui.demo.receiver import receiving
from webhook_ui.settings import Settings

RETRIES = (5.0, 20.0, 60.0, 180.0, 600.0, 1800.0)  # short, so that a recovery is seen
PLUGINS = ("webhook_ui.demo/plugins/shop.py", "webhook_ui.cli/starter/plugins/user_creation.py")


def run(port: int) -> None:
    """Runs it until it is told to stop. Raises UsageError for a port that cannot be used."""
    workers.on_stop(lambda: sys.exit(0))
    if hasattr(signal, "SIGHUP"):  # a terminal that is closed is an end like any other
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="webhook-ui-demo-")))
        workers.before_leaving(lambda: shutil.rmtree(folder, ignore_errors=True))
        given = _settings(folder, port)
        serving.listen(given).close()  # better refused now than in a minute
        print("Making a day's history…", flush=True)
        password = secrets.token_urlsafe(9)
        receivers = stack.enter_context(receiving())
        furnishing.furnish(given, receivers, password, tell=lambda hours: print(f"  {hours} hours", flush=True))
        logging.disable(logging.WARNING)  # receivers fail all the time: the dashboard tells it

        def greet(core: Core, address: str) -> None:
            # it would tell, with a traceback, of each browser that leaves while something is on its way to it
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            stack.enter_context(traffic.flowing(core.host))
            _greet(address, password)

        serving.serve(given, beside=None, greet=greet)


def _settings(folder: Path, port: int) -> Settings:
    """Of the operator's own settings none: what is tried here must not touch what is in use."""
    (folder / "plugins").mkdir()
    for plugin in PLUGINS:
        package, _, path = plugin.partition("/")
        (folder / "plugins" / Path(path).name).write_bytes(files(package).joinpath(path).read_bytes())
    return settings.apart(
        data_dir=folder / "data",
        plugins_dir=folder / "plugins",
        port=port,
        allowed_networks=(ip_network("127.0.0.0/8"),),
        retry_schedule=RETRIES,
        indexed_fields=("order_id", "customer"),
    )


def _greet(address: str, password: str) -> None:
    print(f"\nWebhook UI, demo\n\n  Open        {address}\n  Password    {password}\n")
    for email, role in furnishing.PEOPLE.items():
        print(f"  {role:<10}  {email}")
    print("\nEvents come in all the time, and receivers on this machine answer them, not all of them well.")
    print("Ctrl+C ends it; nothing is kept.", flush=True)
