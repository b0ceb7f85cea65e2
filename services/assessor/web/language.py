"""The language of the page: its messages, how it writes numbers and times, and which one a browser prefers."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from services.assessor.texts import DEFAULT_LANGUAGE
from services.assessor.web.messages import MESSAGES

LANGUAGE_NAMES: dict[str, dict[str, str]] = {
    "en": {"en": "English", "de": "Englisch"},
    "de": {"en": "German", "de": "Deutsch"},
}
OWN_NAMES = {"en": "English", "de": "Deutsch"}
LANGUAGES = tuple(OWN_NAMES)

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_PERCENT_SIGN = {"en": "%", "de": f"{_NO_BREAK_SPACE}%"}
_DECIMAL_MARK = {"en": ".", "de": ","}
_THOUSANDS_MARK = {"en": ",", "de": "."}
_TIME_FORMAT = {"en": "%Y-%m-%d, %H:%M UTC", "de": "%d.%m.%Y, %H:%M UTC"}


class Texts:
    """The messages of one language: `t("text_hint", maximum=4000)`."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        """One message with its values: whole numbers with a thousands separator, texts in their own direction."""
        texts = {name: self._text(value) for name, value in values.items()}
        return MESSAGES[key][self.language].format(**texts)

    def raw(self, key: str) -> str:
        """One message with its placeholders, for a script to fill in."""
        return MESSAGES[key][self.language]

    def pick(self, texts: Mapping[str, str]) -> str:
        """The entry of this language, else of the default one, else any: a task may have other languages."""
        return texts.get(self.language) or texts.get(DEFAULT_LANGUAGE) or next(iter(texts.values()))

    def language_name(self, code: str) -> str:
        """The name of another language in this one."""
        return LANGUAGE_NAMES[code][self.language] if code in LANGUAGE_NAMES else code

    def choices(self, words: Iterable[str]) -> str:
        """Words to choose from: each in quotes, the last one after "or"."""
        *rest, last = [self("quoted", word=word) for word in words]
        return self("or").join(filter(None, (", ".join(rest), last)))

    def count(self, number: int) -> str:
        """A whole number."""
        return f"{number:,}".replace(",", _THOUSANDS_MARK[self.language])

    def percent(self, share: float) -> str:
        """A probability with one decimal; never rounded to an impossible 0 or 100."""
        sign = ""
        if share < 0.0005:
            sign, share = "< ", 0.001
        elif share >= 0.9995:
            sign, share = "> ", 0.999
        return f"{sign}{self._decimal(100 * share, 1)}{_PERCENT_SIGN[self.language]}"

    def whole_percent(self, share: float) -> str:
        """A share that is planned, not measured, so it may be 0 or 100."""
        return f"{round(100 * share)}{_PERCENT_SIGN[self.language]}"

    def decimal(self, number: float) -> str:
        """A number with two decimals."""
        return self._decimal(number, 2)

    def seconds(self, seconds: float) -> str:
        """A duration."""
        if seconds < 0.01:
            return f"< {self._decimal(0.01, 2)}{_NO_BREAK_SPACE}s"
        return f"{self._decimal(seconds, 2 if seconds < 10 else 0)}{_NO_BREAK_SPACE}s"

    def time(self, moment: datetime) -> str:
        """A moment in UTC: the server does not know the reader's zone."""
        return moment.astimezone(UTC).strftime(_TIME_FORMAT[self.language])

    def _text(self, value: object) -> object:
        if isinstance(value, int):
            return self.count(value)
        return isolated(value) if isinstance(value, str) else value

    def _decimal(self, number: float, digits: int) -> str:
        return f"{number:.{digits}f}".replace(".", _DECIMAL_MARK[self.language])


def isolated(text: str) -> str:
    """A text for a sentence of the page: one that is written from right to left must not turn the rest around."""
    is_right_to_left = any(unicodedata.bidirectional(character) in {"R", "AL"} for character in text)
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}" if is_right_to_left else text


def negotiate(accept_language: str) -> str:
    """The page's language that an Accept-Language header prefers, else the default."""
    preferences: list[tuple[float, str]] = []
    for item in accept_language.split(","):
        tag, _, parameter = item.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=")) if parameter else 1.0
        except ValueError:
            continue
        code = tag.strip().lower().partition("-")[0]
        if code in LANGUAGES and weight > 0:
            preferences.append((weight, code))
    # max keeps the first of equals, as the header's order means.
    return max(preferences, key=lambda entry: entry[0])[1] if preferences else DEFAULT_LANGUAGE
