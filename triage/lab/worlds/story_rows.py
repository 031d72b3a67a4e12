"""Who visits the shop and what the recommender shows them: the rows of the story's logs, without their outcome."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from triage.lab.worlds.table import DAY_SECONDS, Coded, Columns

NEW_REGION = "CH-ZH"


@dataclass(frozen=True, slots=True)
class _Country:
    """``traffic`` in percent, minutes from UTC, languages with their shares, regions by ISO 3166-2 suffix."""

    code: str
    traffic: float
    zone: int
    languages: dict[str, float]
    regions: str


_COUNTRIES = (
    _Country("DE", 27.0, 60, {"de": 0.9, "en": 0.07, "tr": 0.03}, "NW BY BW NI HE SN BE RP HH SH BB ST TH MV SL HB"),
    _Country("FR", 15.0, 60, {"fr": 0.93, "en": 0.07}, "IDF ARA HDF NAQ OCC GES PAC PDL NOR BRE BFC CVL"),
    _Country(
        "IT", 12.0, 60, {"it": 0.94, "de": 0.03, "en": 0.03}, "25 62 72 82 34 45 21 75 52 78 36 57 42 67 55 65 32"
    ),
    _Country(
        "ES", 11.0, 60, {"es": 0.87, "ca": 0.09, "en": 0.04}, "MD CT AN VC GA CL PV CN CM MC AR IB EX AS NC CB RI"
    ),
    _Country("NL", 9.0, 60, {"nl": 0.88, "en": 0.12}, "ZH NH NB GE UT OV LI GR FR DR FL ZE"),
    _Country("PL", 7.5, 60, {"pl": 0.92, "en": 0.08}, "14 24 30 12 02 10 06 22 04 18 32 28 26 20 08 16"),
    _Country("AT", 6.0, 60, {"de": 0.94, "en": 0.06}, "9 3 4 6 7 5 2 8 1"),
    _Country("BE", 4.5, 60, {"nl": 0.55, "fr": 0.4, "en": 0.05}, "VLG WAL BRU"),
    _Country("PT", 3.5, 0, {"pt": 0.95, "en": 0.05}, "11 13 03 15 06 08"),
    _Country("IE", 2.5, 0, {"en": 1.0}, "L M C U"),
    _Country("FI", 1.0, 120, {"fi": 0.9, "sv": 0.1}, "18 11 19"),
    _Country("CH", 1.0, 60, {"de": 0.65, "fr": 0.2, "en": 0.15}, "ZH BE GE"),
)
_NEW_REGION_LANGUAGES = {"de": 0.66, "en": 0.2, "fr": 0.08, "it": 0.06}

DEVICES = ("android", "desktop", "ios", "tablet")
_DEVICE_SHARES = np.array([0.41, 0.2, 0.34, 0.05])
_NEW_REGION_DEVICE_SHARES = np.array([0.35, 0.19, 0.41, 0.05])
SOURCES = ("affiliate", "direct", "email", "organic", "paid_search", "social")
_SOURCE_SHARES = np.array([0.06, 0.24, 0.14, 0.31, 0.16, 0.09])
_NEW_REGION_SOURCE_SHARES = np.array([0.05, 0.31, 0.09, 0.27, 0.18, 0.1])
_CATEGORIES = """audio baby beauty bikes books camping coats denim dresses garden gifts hardware health jewellery kids
    kitchen lamps outdoor pets running shoes sofas toys wine"""
CATEGORIES = tuple(_CATEGORIES.split())
BRANDS = tuple(f"brand_{number:03d}" for number in range(320))
DISCOUNTS = np.array([0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0])
_DISCOUNT_SHARES = np.array([0.48, 0.09, 0.15, 0.08, 0.11, 0.06, 0.03])

_RELEASES = tuple(
    (f"8.{30 + number}", datetime(2026, 8, 24, tzinfo=UTC) + timedelta(days=days))
    for number, days in enumerate((-10, 2, 15, 29, 43, 57, 68))
)
_WEEKDAY_TRAFFIC = np.array([1.0, 0.98, 0.99, 1.0, 1.03, 1.09, 1.08])
_HOUR_TRAFFIC = np.array(
    [24, 15, 10, 8, 8, 11, 19, 31, 41, 47, 51, 54, 58, 57, 54, 54, 58, 66, 76, 86, 91, 84, 64, 41], dtype=float
)


@dataclass(frozen=True, slots=True)
class Regions:
    """All values of ``user_location`` with their shares, zones and languages."""

    names: tuple[str, ...]
    shares: np.ndarray
    zones: np.ndarray
    languages: tuple[str, ...]
    language_cdf: np.ndarray

    @property
    def new(self) -> int:
        return self.names.index(NEW_REGION)


def regions() -> Regions:
    names: list[str] = []
    shares: list[float] = []
    zones: list[int] = []
    spoken: list[dict[str, float]] = []
    for country in _COUNTRIES:
        own = [f"{country.code}-{suffix}" for suffix in country.regions.split()]
        sizes = 1.0 / np.arange(1.0, len(own) + 1.0) ** 0.7
        for name, size in zip(own, sizes / sizes.sum(), strict=True):
            names.append(name)
            shares.append(country.traffic * size)
            zones.append(country.zone)
            spoken.append(_NEW_REGION_LANGUAGES if name == NEW_REGION else country.languages)
    languages = tuple(sorted({tongue for tongues in spoken for tongue in tongues}))
    table = np.array([[tongues.get(language, 0.0) for language in languages] for tongues in spoken])
    total = np.array(shares)
    return Regions(tuple(names), total / total.sum(), np.array(zones), languages, np.cumsum(table, axis=1))


def traffic(seconds: np.ndarray) -> np.ndarray:
    """Relative traffic at Unix times ``seconds`` (n,): by hour of day, interpolated, times weekday; mean about 1."""
    day = seconds // DAY_SECONDS
    hour = (seconds % DAY_SECONDS) / 3600
    profile = np.interp(hour, np.arange(25), np.r_[_HOUR_TRAFFIC, _HOUR_TRAFFIC[0]]) / _HOUR_TRAFFIC.mean()
    weekday = (day.astype(np.int64) + 3) % 7
    return profile * _WEEKDAY_TRAFFIC[weekday] / _WEEKDAY_TRAFFIC.mean()


def draw_times(rng: np.random.Generator, start: datetime, end: datetime, rows: int) -> np.ndarray:
    """``rows`` moments in ``[start, end)`` that follow the traffic, ascending, in Unix seconds (float64)."""
    grid = np.arange(start.timestamp(), end.timestamp() + 1, 300.0)
    cumulated = np.r_[0.0, np.cumsum(traffic(grid[:-1] + 150.0))]
    return np.interp(np.sort(rng.random(rows)) * cumulated[-1], cumulated, grid)


def draw_rows(rng: np.random.Generator, seconds: np.ndarray, arrivals: np.ndarray) -> Columns:
    """One impression per moment of ``seconds`` (n,); rows of ``arrivals`` (n,) bool are people the campaign brought.

    Each random number is drawn whether or not it is needed, so that the same generator with other arrivals gives the
    same world in which only the campaign differs.
    """
    place = regions()
    n = len(seconds)
    home = rng.choice(len(place.names), n, p=place.shares)
    location = np.where(arrivals, place.new, home)
    spoken = rng.random(n)
    language = (spoken[:, None] >= place.language_cdf[location, :-1]).sum(axis=1)
    device = _mixed(rng, _DEVICE_SHARES, _NEW_REGION_DEVICE_SHARES, location == place.new)
    source = _mixed(rng, _SOURCE_SHARES, _NEW_REGION_SOURCE_SHARES, location == place.new)

    day = (seconds // DAY_SECONDS).astype(np.int64)
    weekday = (day + 3) % 7
    hour = (seconds % DAY_SECONDS) / 3600
    age = np.clip(rng.gamma(9.0, 4.2, n), 16, 90).round()
    tenure = (np.exp(rng.normal(5.3, 1.2, n)) * np.where(arrivals, 0.75, 1.0)).round()
    orders = rng.poisson(rng.gamma(0.8, 1.6, n) * np.where(arrivals, 0.85, 1.0))
    since_order = np.where(orders > 0, 90 * rng.beta(1.0, 1.0 + orders), np.nan).round()
    category = rng.choice(len(CATEGORIES), n, p=_zipf(len(CATEGORIES), 0.5))
    brand = rng.choice(len(BRANDS), n, p=_zipf(len(BRANDS), 0.8))
    session = np.exp(rng.normal(5.0, 0.8, n)) * np.where(weekday >= 5, 1.4, 1.0)
    warmth = 21.0 - 0.22 * (day - day_number(2026, 9, 1)) + 2.0 * np.sin(day * 1.7) + 1.5 * np.sin(day * 0.61)
    temperature = warmth + 3.0 * np.sin((hour - 9) / 24 * 2 * np.pi) + rng.normal(0, 2.5, n)
    return {
        "user_location": Coded(location, place.names),
        "language": Coded(language, place.languages),
        "device_type": Coded(device, DEVICES),
        "app_version": _app_version(rng, seconds),
        "traffic_source": Coded(source, SOURCES),
        "item_category": Coded(category, CATEGORIES),
        "item_brand": Coded(brand, BRANDS),
        "timezone_offset_minutes": place.zones[location],
        "hour_of_day": hour.astype(np.int64),
        "day_of_week": weekday,
        "is_weekend": weekday >= 5,
        "outdoor_temperature_c": _with_nulls(rng, temperature.round(1), 0.03),
        "session_length_s": session.round(),
        "pages_viewed": rng.poisson(3 + session / 90),
        "user_age_years": _with_nulls(rng, age, 0.12),
        "tenure_days": tenure,
        "orders_90d": orders,
        "days_since_last_order": since_order,
        "is_member": rng.random(n) < 0.28,
        "push_enabled": rng.random(n) < 0.45,
        "basket_value_eur": np.where(rng.random(n) < 0.71, 0.0, np.exp(rng.normal(3.4, 0.9, n))).round(2),
        "user_item_affinity": rng.beta(2.0, 3.0, n).round(4),
        "item_price_eur": np.exp(rng.normal(3.2, 0.8, n)).round(2),
        "item_discount_pct": rng.choice(DISCOUNTS, n, p=_DISCOUNT_SHARES),
        "item_rating": _with_nulls(rng, np.clip(rng.normal(4.1, 0.5, n), 1, 5).round(1), 0.08),
        "item_stock": rng.geometric(0.012, n),
        "delivery_days": np.clip(rng.poisson(2.2, n) + 1, 1, 12),
        "slot_position": rng.integers(1, 11, n),
    }


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) // DAY_SECONDS


def _mixed(rng: np.random.Generator, usual: np.ndarray, new: np.ndarray, in_new: np.ndarray) -> np.ndarray:
    """Codes drawn by ``usual`` shares, or by ``new`` shares where ``in_new``; one random number a row."""
    u = rng.random(len(in_new))
    return np.where(in_new, np.searchsorted(np.cumsum(new)[:-1], u), np.searchsorted(np.cumsum(usual)[:-1], u))


def _app_version(rng: np.random.Generator, seconds: np.ndarray) -> Coded:
    """Each phone takes up a release some days after it came out, by an exponential with a mean of two days."""
    patience = rng.exponential(2.0 * DAY_SECONDS, len(seconds))
    released = np.array([moment.timestamp() for _, moment in _RELEASES])
    codes = np.maximum(np.searchsorted(released, seconds - patience, side="right") - 1, 0)
    return Coded(codes, tuple(name for name, _ in _RELEASES))


def _zipf(n: int, power: float) -> np.ndarray:
    weights = 1.0 / np.arange(1.0, n + 1.0) ** power
    return weights / weights.sum()


def _with_nulls(rng: np.random.Generator, column: np.ndarray, share: float) -> np.ndarray:
    return np.where(rng.random(len(column)) < share, np.nan, column)
