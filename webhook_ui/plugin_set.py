"""Which plugins there are: those in use with what they bring, and those that could not be used. Nothing loads here."""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from webhook_ui import patterns
from webhook_ui.errors import Invalid
from webhook_ui.languages import tr
from webhook_ui.plugin_api import MAX_NAME, Trigger
from webhook_ui.plugin_contents import Contents
from webhook_ui.plugin_problems import PluginProblem
from webhook_ui.plugin_search import Source
from webhook_ui.plugin_types import Signer

NO_MODELS: Mapping[str, type[BaseModel]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """A plugin in use. `where` is its path, or the distribution and version that brought it."""

    name: str
    source: Source
    where: str
    title: str
    triggers: int
    requires: str = ""
    """Which version it says it needs."""


@dataclass(frozen=True, kw_only=True)
class RegisteredTrigger:
    """A trigger and the plugin it belongs to."""

    trigger: Trigger
    plugin: PluginInfo


@dataclass(frozen=True, kw_only=True, eq=False)
class Plugin:
    """One in use, with all it brings. `saved` are the settings from the database it was loaded with."""

    info: PluginInfo
    contents: Contents
    saved: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.info.name


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What one look at all plugins gave."""

    triggers: Mapping[str, RegisteredTrigger]
    loaded: tuple[PluginInfo, ...]
    problems: tuple[PluginProblem, ...]
    running: tuple[Plugin, ...] = ()
    models: Mapping[str, type[BaseModel]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class News:
    """What came of the exchange of one plugin, in words; why, where it was refused."""

    good: bool
    words: str
    reason: str = ""


class Plugins:
    """All that is loaded, in load order but the built-in last, as people look for their own; and what could not be.

    It stays the same object while what is loaded is exchanged: nobody sees half of that, and who has derived something
    from it follows.
    """

    def __init__(
        self,
        *,
        triggers: Mapping[str, RegisteredTrigger],
        loaded: tuple[PluginInfo, ...],
        problems: tuple[PluginProblem, ...],
        running: tuple[Plugin, ...] = (),
        models: Mapping[str, type[BaseModel]] = NO_MODELS,
    ) -> None:
        self._now = Loaded(triggers=triggers, loaded=loaded, problems=problems, running=running, models=models)
        self._followers: list[Callable[[], object]] = []
        self.news: tuple[News, ...] = ()
        """What came of the last exchange."""
        self.turn = 0
        """How many there were."""

    @property
    def triggers(self) -> Mapping[str, RegisteredTrigger]:
        """All triggers, by name."""
        return self._now.triggers

    @property
    def loaded(self) -> tuple[PluginInfo, ...]:
        """What is said of each in use."""
        return self._now.loaded

    @property
    def problems(self) -> tuple[PluginProblem, ...]:
        """Why others are not, or not in their present form."""
        return self._now.problems

    @property
    def running(self) -> tuple[Plugin, ...]:
        """Those in use, in load order, the built-in first."""
        return self._now.running

    @property
    def models(self) -> Mapping[str, type[BaseModel]]:
        """The models of settings, also of those that could not be loaded for want of a setting."""
        return self._now.models

    def follow(self, hear: Callable[[], object]) -> None:
        """Calls `hear` after each exchange."""
        self._followers.append(hear)

    def become(self, other: "Plugins", news: Sequence[News] = ()) -> None:
        """From now on these are what `other` holds."""
        self._now, self.news, self.turn = other._now, tuple(news), self.turn + 1
        for hear in self._followers:
            hear()

    @property
    def names(self) -> "Names":
        """The names of all triggers, as they are whenever one looks."""
        return Names(lambda: self.triggers)

    @property
    def signer_names(self) -> "Names":
        """The names of all ways to sign, likewise."""
        return Names(lambda: self.signers)

    @property
    def signers(self) -> dict[str, Signer]:
        """All ways to sign, by name."""
        return {signer.name: signer for plugin in self.running for signer in plugin.contents.signers}

    @property
    def added(self) -> tuple[PluginInfo, ...]:
        """Those that an operator has put in."""
        return tuple(info for info in self.loaded if info.source is not Source.builtin)

    def find(self, name: str) -> Trigger:
        """The trigger called `name`. Raises Invalid with the nearest names."""
        registered = self.triggers.get(name)
        if registered is None:
            raise Invalid({"trigger": self._unknown(name)})
        return registered.trigger

    def matching(self, pattern: str) -> tuple[Trigger, ...]:
        """The triggers that a webhook listening to `pattern` hears."""
        return tuple(each.trigger for name, each in self.triggers.items() if patterns.matches(pattern, name))

    def _unknown(self, name: str) -> str:
        shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in name[:MAX_NAME])
        near = difflib.get_close_matches(shown, self.triggers, n=3)
        if not near:
            return tr(
                "Unknown trigger {name}. The Triggers page and `webhook-ui plugin list` show what there is.", name=shown
            )
        return tr("Unknown trigger {name}. Did you mean {names}?", name=shown, names=tr(" or ").join(near))


class Names(Collection[str]):
    """The keys of what may be exchanged."""

    def __init__(self, now: Callable[[], Mapping[str, object]]) -> None:
        self._now = now

    def __contains__(self, name: object) -> bool:
        return name in self._now()

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())
