"""The tab Plugins of the page Settings, for admins: each plugin's own settings, where each comes from, and a form."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from nicegui import ui
from pydantic import BaseModel, TypeAdapter

from webhook_ui import plugin_sentences, plugin_settings, plugin_values, times
from webhook_ui.changes import Changed, Kind
from webhook_ui.errors import Invalid, WebhookUIError
from webhook_ui.languages import tr
from webhook_ui.plugin_settings import prefix_of
from webhook_ui.plugin_values import Saved
from webhook_ui.ui import icons, payload_fields, plugin_texts, toasts
from webhook_ui.ui.change_words import name_of
from webhook_ui.ui.context import Tab
from webhook_ui.ui.controls import button
from webhook_ui.ui.fields import (
    Field,
    area_field,
    choice_field,
    password_field,
    show_at_once,
    show_problems,
    text_field,
)
from webhook_ui.ui.frames import DialogFrame
from webhook_ui.ui.kept_forms import Kept
from webhook_ui.ui.parts import Part, box, foreign, link, mono, prose, symbol, text, time_text
from webhook_ui.ui.payload_fields import PayloadField
from webhook_ui.ui.settings_table import setting_row, settings_table

LONGEST_SHOWN = 300
NOTHING: tuple[Any, ...] = (None, "", [], {}, ())
UNSET = ""


class PluginsSection:
    """One part for each plugin that has settings."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        prose(
            tr(
                "What plugins want to know. The environment and `.env` win; what is saved here is sealed in the "
                "database. A plugin whose settings were saved is loaded anew in every process, within seconds: its "
                "source and its jobs are stopped and started again, and no event is lost."
            ),
            "w-second",
        )
        self._parts = Part(box("div", "w-page"), lambda _, saved: self._fill(saved))

    async def show(self, after: str) -> None:
        """Looks again; it has one page."""
        saved = await self._tab.read(plugin_values.all_saved)
        self._parts.show((self._tab.services.plugins.turn, str(saved)), saved)

    async def look(self, changes: frozenset[Changed]) -> None:
        """Shows what was saved elsewhere, and what came of it."""
        if any(change.kind in (Kind.plugin, Kind.anything) for change in changes):
            await self.show("")

    def _fill(self, saved: Mapping[str, Saved]) -> None:
        models = self._tab.services.plugins.models
        for name, model in models.items():
            with box("section", "w-box w-part w-all", label=name):
                self._show_plugin(name, model, saved.get(name))
        if not models:
            with box("p", "w-box w-nothing w-muted"):
                text(tr("No plugin that is loaded has settings."))

    def _show_plugin(self, name: str, model: type[BaseModel], saved: Saved | None) -> None:
        plugins = self._tab.services.plugins
        running = next((each for each in plugins.running if each.name == name), None)
        with box("div", "w-row w-wrap"):
            with box("h2", "w-grow"):
                mono(name, "w-break w-strong")
            if saved:
                with box("span", "w-row w-meta"):
                    time_text(saved.updated_at, self._tab.zone, prefix=tr("Saved "))
                    text(tr("by"))
                    foreign(name_of(saved.updated_by))
            change = button(tr("Change"), partial(self._open, name, model), icon=icons.EDIT, small=True)
            change.props["aria-label"] = tr("Change settings of {plugin}", plugin=name)
        for problem in plugins.problems:
            if problem.name == name:
                with box("p", "w-row w-error-ink"):
                    symbol(icons.ERROR)
                    foreign(plugin_sentences.said(problem.message), cut=False)
                link(tr("What is wrong"), "/triggers")
        lines = rows(name, model, running.contents.host.setting if running else None, saved)
        with settings_table(tr("Settings of {plugin}", plugin=name)):
            for line in lines:
                setting_row(*line)

    async def _open(self, name: str, model: type[BaseModel]) -> None:
        await open_settings(self._tab, name, model)


async def open_settings(tab: Tab, plugin: str, model: type[BaseModel]) -> None:
    """Opens the form with what is saved now."""
    saved = await tab.read(plugin_values.all_saved)
    with tab.client:
        SettingsDialog(tab, plugin, model, saved[plugin].values if plugin in saved else {}).frame.open()


def rows(
    plugin: str, model: type[BaseModel], setting: BaseModel | None, saved: Saved | None
) -> list[tuple[str, str, str, str]]:
    """Variable, description, value and origin of each setting; never a secret."""
    elsewhere, secrets = plugin_settings.given_elsewhere(plugin, model), plugin_settings.secrets_of(model)
    kept = saved.values if saved else {}
    found = []
    for name, field in model.model_fields.items():
        usual = tr("missing") if field.is_required() else tr("default")
        origin = elsewhere.get(name) or (tr("this page") if name in kept else usual)
        if setting is not None:
            value = _shown(getattr(setting, name, None), secret=name in secrets)
        elif name in elsewhere or name in kept:
            value = tr("set")
        else:
            value = tr("not set")
        found.append((prefix_of(plugin) + name.upper(), plugin_texts.said(field.description or ""), value, origin))
    return found


def _shown(value: Any, *, secret: bool) -> str:
    if value in NOTHING:
        return tr("not set")
    return tr("set") if secret else _plain(value)


def _plain(value: Any) -> str:
    plain = TypeAdapter(Any).dump_python(value, mode="json", fallback=str)
    words = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return words if len(words) <= LONGEST_SHOWN else words[: LONGEST_SHOWN - 1] + "…"


class SettingsDialog:
    """The form, made from the model. What is left empty is not set; but a secret that is set stays."""

    def __init__(self, tab: Tab, plugin: str, model: type[BaseModel], saved: Mapping[str, Any]) -> None:
        self._tab, self._plugin, self._model, self._saved = tab, plugin, model, saved
        self._schema = model.model_json_schema()
        self._secrets = plugin_settings.secrets_of(model)
        self._elsewhere = plugin_settings.given_elsewhere(plugin, model)
        self._fields: dict[str, tuple[PayloadField, Field, str]] = {}
        self._removed: dict[str, ui.checkbox] = {}
        title = tr("Settings of {plugin}", plugin=plugin)
        self.frame = DialogFrame(title, primary=tr("Save"), on_primary=self._press)
        self.frame.dialog.on("hide", self.frame.dialog.delete)
        with self.frame.body:
            for spec in payload_fields.fields_of(self._schema):
                self._build(spec)
            text(tr("What is left empty has its default."), "w-meta", tag="p")
        self._let_browser_keep()

    def _let_browser_keep(self) -> None:
        kept = Kept(self._tab, self.frame.body, f"plugin {self._plugin}", summary=self.frame.summary)
        without = tr("What you had typed is back, except secrets, which the browser does not keep.")
        open_ones = {name: field for name, (_, field, _) in self._fields.items() if name not in self._secrets}
        kept.keep(
            {f"field {name}": field for name, field in open_ones.items()}
            | {f"remove {name}": box for name, box in self._removed.items()},
            words=without if self._secrets & self._fields.keys() else "",
        )

    def _build(self, spec: PayloadField) -> None:
        name = spec.name
        described = plugin_texts.said(self._model.model_fields[name].description or "")
        if name in self._elsewhere:
            with box("div", "w-field"):
                text(name, "w-label")
                prose(tr("Set in {place}, which wins. Take it out there to set it here.", place=self._elsewhere[name]))
            return
        if name in self._secrets:
            field = self._build_secret(spec, described)
            self._fields[name] = (spec, field, UNSET)
            return
        shown = ""
        if name in self._saved:
            shown = payload_fields.to_text(spec, json.dumps(self._saved[name], ensure_ascii=False)) or ""
        usual = self._usual(name)
        if spec.kind == "choice":
            options = {UNSET: tr("Default: {value}", value=usual) if usual else tr("Default"), **spec.options}
            field = choice_field(name, options, shown, note=spec.note, hint=described)
        elif spec.kind == "json":
            field = area_field(name, value=shown, note=spec.note, placeholder=usual, rows=4, code=True, hint=described)
        else:
            field = text_field(name, value=shown, note=spec.note, placeholder=usual, hint=described)
        self._fields[name] = (spec, field, shown)

    def _usual(self, name: str) -> str:
        """What holds while its field is empty; "" where that is nothing, or known only when it is needed."""
        usual = self._schema["properties"][name].get("default")
        return "" if usual in NOTHING else _plain(usual)

    def _build_secret(self, spec: PayloadField, described: str) -> Field:
        is_set = spec.name in self._saved
        state = tr("It is set. Type another one, or leave it empty to keep it.") if is_set else ""
        hint = " ".join(filter(None, [described, state]))
        if spec.kind == "text":
            field = password_field(spec.name, hint=hint, autocomplete="new-password")
        else:
            field = area_field(spec.name, note=spec.note, rows=4, code=True, hint=hint)
            field.never_keep()
        if is_set:
            self._removed[spec.name] = ui.checkbox(tr("Remove {setting}", setting=spec.name))
            show_at_once(self._removed[spec.name])
        return field

    def _changes(self) -> dict[str, Any] | None:
        """What is different now; None where a field holds what is no JSON, which is said there."""
        changes: dict[str, Any] = {}
        right = True
        for name, (spec, field, shown) in self._fields.items():
            typed = str(field.value or "")
            if name in self._removed and self._removed[name].value:
                changes[name] = None
            elif typed.strip() == UNSET:
                if name in self._saved and name not in self._secrets:
                    changes[name] = None
            elif typed != shown:
                try:
                    changes[name] = json.loads(payload_fields.to_json(spec, typed))
                except ValueError as error:
                    field.error = str(error)
                    right = False
        return changes if right else None

    async def _press(self) -> None:
        await self.frame.work(self._store)

    async def _store(self) -> None:
        changes, fields = self._changes(), [field for _, field, _ in self._fields.values()]
        if changes is None:
            show_problems(self.frame.summary, fields)
            return
        try:
            actor = await self._tab.current_actor()
            await self._tab.write(
                plugin_values.save, self._plugin, self._model, changes, actor=actor, now=times.utcnow()
            )
        except Invalid as error:
            others = []
            for name, message in error.fields.items():
                if name in self._fields:
                    self._fields[name][1].error = message
                else:
                    others.append(f"{name}: {message}" if name else message)
            general = tr("Nothing was saved. {reason}", reason=" ".join(others)) if others else ""
            show_problems(self.frame.summary, fields, general)
        except WebhookUIError as error:
            show_problems(self.frame.summary, [], tr("Nothing was saved. {reason}", reason=error))
        else:
            self.frame.close()
            if changes:
                toasts.done(tr("Settings of {plugin} are saved. It is being loaded anew.", plugin=self._plugin))
