"""Public holidays as overrides, from the library `holidays`. It knows dates and names; nothing is fetched."""

from collections.abc import Iterable
from functools import lru_cache

import holidays as library
from holidays.registry import COUNTRIES

from opsportal.calendars.engine.definition import FIRST_YEAR, LAST_YEAR, MAX_TEXT
from opsportal.errors import InvalidInput

MAX_YEARS = 10
SMALL_WORDS = {"And": "and", "Of": "of", "The": "the"}


@lru_cache(maxsize=1)
def countries() -> dict[str, str]:
    """Code (ISO 3166-1 alpha-2) and English name of each country, by name."""
    names = {codes[1]: _in_words(key) for key, codes in COUNTRIES.items()}
    return dict(sorted(names.items(), key=lambda pair: pair[1]))


def subdivisions(country: str) -> tuple[str, ...]:
    """The codes of the parts of a country that have holidays of their own."""
    return tuple(library.country_holidays(country).subdivisions)


def list_holidays(country: str, subdivision: str, years: Iterable[int]) -> dict[str, str]:
    """{date: name} in order, with English names where the library has them.

    Raises InvalidInput at `country`, `subdivision` or `years`.
    """
    wanted = sorted(set(years))
    if country not in countries():
        raise InvalidInput("unknown_country", "There is no list of public holidays for this country.", field="country")
    if subdivision and subdivision not in subdivisions(country):
        known = ", ".join(subdivisions(country)) or "none"
        raise InvalidInput("unknown_subdivision", f"The parts of this country are {known}.", field="subdivision")
    if not 1 <= len(wanted) <= MAX_YEARS or not all(FIRST_YEAR <= year <= LAST_YEAR for year in wanted):
        raise InvalidInput("bad_years", f"Choose one to {MAX_YEARS} years.", field="years")
    found = library.country_holidays(country, subdiv=subdivision or None, years=wanted, language=_english(country))
    return {day.isoformat(): name[:MAX_TEXT] for day, name in sorted(found.items()) if day.year in wanted}


def _english(country: str) -> str | None:
    languages = library.country_holidays(country).supported_languages
    return next((language for language in ("en_GB", "en_US") if language in languages), None)


def _in_words(key: str) -> str:
    return " ".join(SMALL_WORDS.get(word, word) for word in key.replace("_", " ").title().split())
