"""The words of the dashboard in the reader's language, looked up in the catalogs under `translations/`.

Messages are written in English in the code and are their own keys (GNU gettext). What programs read (REST, logs,
commands) stays English: they run where no language is set.
"""

import gettext
import io
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import ParamSpec, TypeVar

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol, get_group_symbol

P = ParamSpec("P")
T = TypeVar("T")

LANGUAGES = {"en": "English", "es": "Español"}
"""What the dashboard speaks, each by its own name. English is the language of the code and needs no catalog."""
SOURCE = "en"
PSEUDO = "qps"
"""A language for tests: English in ⟦brackets⟧, so that words which do not come from a catalog stand out."""
LONGEST_HEADER = 500  # characters of Accept-Language that are looked at
CATALOGS = Path(__file__).parent / "translations"

_spoken: ContextVar[str | None] = ContextVar("language", default=None)


def tr(message: str, /, **values: object) -> str:
    """`message` in the reader's language, with `{names}` in it replaced by `values`."""
    text = _catalog(language()).gettext(message) if message else ""  # gettext has its own use for the empty one
    return text.format(**values) if values else text


def trn(one: str, many: str, amount: int, /, **values: object) -> str:
    """`one` or `many` as `amount` asks for in the reader's language; `{n}` in them stands for it, unless given."""
    return _catalog(language()).ngettext(one, many, amount).format(**{"n": number(amount), **values})


def trc(context: str, message: str, /) -> str:
    """`message` in the reader's language, where the same English words mean something else elsewhere (`context`)."""
    return _catalog(language()).pgettext(context, message)


def mark(message: str) -> str:
    """`message` as it is: says of a word that stands in a constant that it is looked up where it is shown."""
    return message


def number(value: float, digits: int = 0) -> str:
    """`value` with groups of thousands and so many `digits` after the point, as the reader writes it: '1,234.5'."""
    code = language()
    if code == SOURCE or code not in LANGUAGES:
        return f"{value:,.{digits}f}"
    group, point = _separators(code)
    return f"{value:_.{digits}f}".replace(".", point).replace("_", group)


def tr_known(text: str, messages: tuple[str, ...]) -> str:
    """`text`, which is one of `messages` with its values in English, in the reader's language; else as it is."""
    code = language()
    return text if code == SOURCE else _recognised(text, messages, code)


def tr_all(options: Mapping[str, str]) -> dict[str, str]:
    """The same keys, with each marked word in the reader's language."""
    return {key: tr(word) for key, word in options.items()}


def short_number(value: float) -> str:
    """`value` with no more than it needs: '5', '0.5'."""
    code, text = language(), f"{value:g}"
    return text if code == SOURCE or code not in LANGUAGES else text.replace(".", _separators(code)[1])


def language() -> str:
    """The code of the language in which `tr` answers here and now."""
    return _spoken.get() or _reader() or SOURCE


@contextmanager
def spoken(code: str) -> Iterator[None]:
    """Sets the language inside: for work that is done for a reader elsewhere, on a thread of the database say."""
    token = _spoken.set(code)
    try:
        yield
    finally:
        _spoken.reset(token)


def carried(fn: Callable[P, T]) -> Callable[P, T]:
    """`fn`, to be run on another thread in the language that is spoken here."""
    code = language()

    def speak(*args: P.args, **kwargs: P.kwargs) -> T:
        with spoken(code):
            return fn(*args, **kwargs)

    return speak


def ask_for_reader(reader: Callable[[], str | None]) -> None:
    """`reader` tells, whenever it is asked, the language of whom is being served; None if that is nobody."""
    global _reader  # noqa: PLW0603 - one dashboard to a process
    _reader = reader


def known(code: str | None) -> str | None:
    """`code` if something is spoken by this name, the tests' language included."""
    return code if code in LANGUAGES or code == PSEUDO else None


def wanted(accepted: str) -> str | None:
    """The first language of ours in an Accept-Language header; None if there is none."""
    found: list[tuple[float, str]] = []
    for entry in accepted[:LONGEST_HEADER].split(","):
        name, _, weight = entry.partition(";")
        code = name.strip().lower().partition("-")[0]
        if code in LANGUAGES:
            found.append((_weight(weight), code))
    best, first = max(found, key=lambda one: one[0], default=(0.0, ""))  # of equals the first
    return first if best > 0 else None


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def _nobody() -> str | None:
    return None


_reader: Callable[[], str | None] = _nobody


@lru_cache(maxsize=1024)
def _recognised(text: str, messages: tuple[str, ...], code: str) -> str:
    for ending in ("", "."):  # within another sentence it has lost its full stop
        for message in messages:
            if found := _pattern(message).fullmatch(text + ending):
                with spoken(code):
                    values = {name: _recognised(value, messages, code) for name, value in found.groupdict().items()}
                    return tr(message, **values).removesuffix(ending)
    return text


@cache
def _pattern(message: str) -> re.Pattern[str]:
    parts = Formatter().parse(message)
    return re.compile("".join(re.escape(words) + (f"(?P<{name}>.+?)" if name else "") for words, name, _, _ in parts))


class _Brackets(gettext.NullTranslations):
    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧" if message else ""

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


@cache
def _separators(code: str) -> tuple[str, str]:
    return get_group_symbol(code), get_decimal_symbol(code)


@cache
def _catalog(code: str) -> gettext.NullTranslations:
    if code == PSEUDO:
        return _Brackets()
    path = CATALOGS / f"{code}.po"
    if not path.exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
