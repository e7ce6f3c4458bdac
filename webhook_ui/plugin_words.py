"""What a plugin brings, thing by thing: `plugin list` and the Triggers page say the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from webhook_ui.languages import tr
from webhook_ui.plugin_set import Plugin
from webhook_ui.plugin_settings import prefix_of

_OF_HOOKS = {
    "register_triggers": "triggers",
    "register_jobs": "jobs",
    "register_routes": "routes",
    "register_pages": "pages",
    "register_signers": "signers",
    "source": "source",
    "transform_payload": "transforms payloads",
    "delivery_attempted": "observes attempts",
    "notified": "hears of failing webhooks",
}


@dataclass(frozen=True, kw_only=True)
class Brought:
    """One thing. `kind` is trigger, job, source, …; `lacking` are the variables that must be set before it is there."""

    kind: str
    name: str = ""
    detail: str = ""
    lacking: tuple[str, ...] = ()

    def line(self) -> str:
        """As `plugin list` says it."""
        if self.lacking:
            return f"{self.kind}  not configured: set {', '.join(self.lacking)}"
        words = {
            "trigger": f"{self.name}  {self.detail}",
            "job": f"job {self.name}  ({self.detail})",
            "routes": f"routes under {self.name}",
            "page": f"page {self.detail}",
            "signer": f"signer {self.name}  {self.detail}",
            "setting": f"setting {self.name}",
        }
        return words.get(self.kind, self.kind)


def brings(plugin: Plugin) -> list[Brought]:
    """All of it, settings last."""
    settings = plugin.contents.settings
    fields = settings.model_fields if settings else {}
    return [
        *_registered(plugin),
        *_behaviours(plugin),
        *_idle(plugin),
        *(Brought(kind="setting", name=prefix_of(plugin.name) + name.upper()) for name in fields),
    ]


def _registered(plugin: Plugin) -> Iterator[Brought]:
    contents = plugin.contents
    yield from (Brought(kind="trigger", name=one.name, detail=one.title) for one in contents.triggers)
    for job in contents.jobs:
        yield Brought(kind="job", name=job.name, detail=job.cron or tr("every {seconds} s", seconds=f"{job.every:g}"))
    if contents.router:
        yield Brought(kind="routes", name=f"/plugins/{plugin.name}/")
    yield from (Brought(kind="page", name=page.path, detail=page.title) for page in contents.pages)
    yield from (Brought(kind="signer", name=one.name, detail=one.title) for one in contents.signers)


def _behaviours(plugin: Plugin) -> Iterator[Brought]:
    contents = plugin.contents
    for hook, there in (
        ("source", contents.source),
        ("transform_payload", contents.transform),
        ("delivery_attempted", contents.attempted),
        ("notified", contents.notified),
    ):
        if there is not None:
            yield Brought(kind=_OF_HOOKS[hook])


def _idle(plugin: Plugin) -> Iterator[Brought]:
    """What waits for the same settings is one thing."""
    idle = {hook: tuple(unset) for hook, unset in plugin.contents.idle.items()}
    for lacking in dict.fromkeys(idle.values()):
        kinds = [kind for hook, kind in _OF_HOOKS.items() if idle.get(hook) == lacking]
        yield Brought(kind=", ".join(kinds), lacking=lacking)
