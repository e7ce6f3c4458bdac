"""The field Triggers: several of what plugins registered, in groups, searchable. Offers, and checks nothing."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from webhook_ui.languages import tr
from webhook_ui.ui import icons
from webhook_ui.ui.fields import Field, show_at_once

# constant templates: what they show arrives as data
_OPTION = """
<div v-if="props.opt.heading" class="w-menu-head" role="presentation">{{ props.opt.heading }}</div>
<q-item v-else v-bind="props.itemProps" class="w-menu-item">
  <span class="w-check" :class="{'w-checked': props.selected}" aria-hidden="true"></span>
  <bdi class="w-cut" dir="auto">{{ props.opt.title }}</bdi>
  <span class="w-mono w-muted w-end" dir="ltr">{{ props.opt.name }}</span>
</q-item>
"""
_CHIP = """
<q-chip removable dense square class="w-chip" @mousedown.prevent :icon-remove="'ICON'" :tabindex="props.tabindex"
  :remove-aria-label="props.opt.remove" @remove="props.removeAtIndex(props.index)"
>{{ props.opt.name }}</q-chip>
""".replace("ICON", icons.CLOSE)
# Enter with no option marked: the one named so, or the only one that was found
_ENTER = """(text, done) => {
  const offered = getElement(ID).$refs.qRef.options.filter((option) => !option.disable);
  const found = offered.find((option) => option.name === text.trim());
  done(found || (offered.length === 1 ? offered[0] : null), "add-unique");
}"""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One choice: an exact trigger, or a pattern such as `user.*`."""

    name: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """What one plugin offers."""

    heading: str
    offers: Sequence[Offer]


class TriggerSelect(ui.select):
    """A select whose options know their group, title and name."""

    def __init__(self, groups: Sequence[Group], value: Sequence[str]) -> None:
        self._groups = with_missing(groups, value)
        offers = [offer for group in self._groups for offer in group.offers]
        self._titles = {offer.name: offer.title for offer in offers}
        super().__init__([offer.name for offer in offers], multiple=True, with_input=True, value=list(value))
        # defaults set on ui.select do not reach its subclasses
        self.props("outlined dense options-dense hide-bottom-space no-error-icon behavior=menu")
        self.props(f'dropdown-icon="{icons.CHEVRON}" popup-content-class="w-list w-list-triggers"')
        self.props('menu-anchor="top start" menu-self="bottom start"')  # what stands below, Save above all, is in sight
        # what was typed has found it
        self.on("add", js_handler=f"() => getElement({self.id}).$refs.qRef.updateInputValue('')")
        self.on("newValue", js_handler=_ENTER.replace("ID", str(self.id)))
        show_at_once(self)
        self.add_slot("option", _OPTION)
        self.add_slot("selected-item", _CHIP)
        nothing = html.escape(tr("No trigger has this in its name or title"))
        self.add_slot("no-option", f'<div class="w-menu-head">{nothing}</div>')

    def _option(self, name: str) -> dict[str, Any]:
        # the label is what the search looks through
        title = self._titles[name]
        label, remove = f"{title} {name}", tr("Remove {name}", name=name)
        return {"value": self._values.index(name), "label": label, "name": name, "title": title, "remove": remove}

    def _update_options(self) -> None:
        shown: list[dict[str, Any]] = []
        for group in self._groups:
            options = [self._option(offer.name) for offer in group.offers]
            # a heading is found by whatever its group is found by, and cannot be chosen
            found_by = "\n".join(option["label"] for option in options)
            shown += [{"value": -1, "label": found_by, "heading": group.heading, "disable": True}, *options]
        self._props["options"] = shown
        self._props[self.VALUE_PROP] = self._value_to_model_value(self.value)

    def _value_to_model_value(self, value: Any) -> Any:
        return [self._option(name) for name in value or [] if name in self._titles]


def with_missing(groups: Sequence[Group], chosen: Sequence[str]) -> list[Group]:
    """`groups`, and behind them a group of what is chosen although no plugin offers it any more."""
    offered = {offer.name for group in groups for offer in group.offers}
    missing = [Offer(name=name, title=tr("No plugin offers it now")) for name in chosen if name not in offered]
    return [*groups, *([Group(heading=tr("Chosen before"), offers=missing)] if missing else [])]


def trigger_field(
    groups: Sequence[Group],
    value: Sequence[str] = (),
    *,
    hint: str = "",
    on_change: Callable[[list[str]], Any] | None = None,
) -> Field:
    """Its `value` is a list of names."""
    field = Field(tr("Triggers"), lambda: TriggerSelect(groups, value), hint=hint, on_change=on_change)

    def invite() -> None:
        if field.value:
            field.control.props.pop("placeholder", None)
        else:
            field.control.props["placeholder"] = tr("Choose one or more")

    field.control.on_value_change(lambda _: invite())
    invite()
    return field
