"""How figures look: colours, axes, number formats. Matplotlib is imported only where a figure is made."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayesltv.errors import warn
from bayesltv.files import replacing
from bayesltv.languages.language import ENGLISH, language, mark, spoken, tr, word
from bayesltv.languages.written import currency_sign, figure, month, span, year
from bayesltv.numerics.arrays import Integers

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color universal design": told apart with every common colour blindness
BLUE, ORANGE, VERMILLION, GREEN, BLACK = "#0072B2", "#E69F00", "#D55E00", "#009E73", "#222222"
GREY, FAINT = "#6B6B6B", "#E6E6E6"
DPI = 160
DESCRIPTION = "Description"
"""Key of a PNG under which it carries what it shows in words."""
Corner = Literal["upper left", "upper right", "lower right"]


def new_axes(ax: Axes | None, *, size: tuple[float, float] = (7.2, 4.2)) -> Axes:
    """Return `ax`, or the axes of a new figure that no global state knows of; a notebook shows them."""
    if ax is not None:
        return ax
    figure = new_figure(size)
    axes = figure.subplots()
    assert not isinstance(axes, list)
    axes._repr_png_ = figure._repr_png_  # type: ignore[attr-defined]  # what a notebook asks for
    return axes


def new_figure(size: tuple[float, float]) -> Figure:
    """Return a figure of this size in inches that needs no display and no pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure._repr_png_ = partial(_as_png, figure)  # type: ignore[attr-defined]
    return figure


def _as_png(figure: Figure) -> bytes:
    content = io.BytesIO()
    readable(figure)
    figure.savefig(content, dpi=DPI // 2, format="png")
    return content.getvalue()


def save_figure(figure: Axes | Figure, path: str | Path, *, kind: str | None = None) -> Path:
    """Write a figure, or the figure that axes belong to; the suffix of `path` says the format, or `kind`.

    Raises
    ------
    StoreError
        Where the file cannot be written; an earlier one is left as it was.
    """
    where = Path(path)
    whole = figure.get_figure(root=True) if hasattr(figure, "get_figure") else figure
    assert whole is not None
    readable(whole)
    content = io.BytesIO()
    kind = kind or where.suffix[1:] or "png"
    told = {DESCRIPTION: words_of(whole)} if kind == "png" else None  # type: ignore[arg-type]
    whole.savefig(content, dpi=DPI, format=kind, metadata=told)  # type: ignore[union-attr]
    with replacing(where) as (part,):
        part.write_bytes(content.getvalue())
    return where


def words_of(figure: Figure) -> str:
    """Return what a figure shows, for those who cannot see it: titles, how to read them, and the axes."""
    said: list[str] = []
    for ax in figure.axes:
        notes = [text.get_text() for text in ax.texts if getattr(text, "xycoords", "") == "axes fraction"]
        said += [ax.get_title(loc="left"), *notes[:1], ax.get_xlabel(), ax.get_ylabel()]
    lines = (" ".join(text.split()) for text in said)
    return ". ".join(dict.fromkeys(line.rstrip(".") for line in lines if line))


def dress(ax: Axes, *, title: str, subtitle: str = "", grid: str = "y") -> Axes:
    """Return `ax` with its title at the left, a line below it that says how to read it, and few lines."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#9A9A9A")
    ax.tick_params(colors=GREY, labelsize=9, length=3)
    ax.xaxis.label.set(color=BLACK, size=9.5)
    ax.yaxis.label.set(color=BLACK, size=9.5)
    ax.grid(visible=True, axis=grid, color=FAINT, linewidth=0.8)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    lines = subtitle.count("\n") + 1 if subtitle else 0
    ax.set_title(title, loc="left", fontsize=11.5, fontweight="bold", color=BLACK, pad=9 + 12.5 * lines)
    if subtitle:
        note(ax, subtitle, (0, 1), (0, 7), colour=GREY, measured="axes fraction", align=("left", "bottom"))
    readable(ax)
    return ax


_CJK_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "SimHei",
    "PingFang SC", "Hiragino Sans GB", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Arial Unicode MS",
)  # fmt: skip
"""Fonts with Chinese characters, of Linux, Windows and macOS; the first one installed is used."""


def readable(artist: Artist) -> None:
    """Give texts with Chinese, Japanese or Korean characters a font that has them, where one is installed."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    for axis in artist.findobj(Axis):
        if isinstance(axis, Axis):
            axis.get_ticklabels(which="both")  # ticks are written when they are asked for
    for text in artist.findobj(Text):
        if isinstance(text, Text) and _is_cjk(text.get_text()):
            text.set_fontfamily([*text.get_fontfamily(), *cjk_fonts()])


def _is_cjk(text: str) -> bool:
    return any("\u2e80" <= letter <= "\ud7ff" or "\uf900" <= letter <= "\uffef" for letter in text)


@cache
def cjk_fonts() -> tuple[str, ...]:
    """Return the first installed font with Chinese characters; none, and one warning, where none is."""
    found = tuple(name for name in _CJK_FONTS if name in _installed())[:1]
    if not found:
        warn(
            "no installed font has Chinese characters: figures show them as boxes. Install one, such as Noto "
            "Sans CJK (apt install fonts-noto-cjk, or from fonts.google.com), and start Python anew"
        )
    return found


def has_cjk_font() -> bool:
    """Return whether an installed font has Chinese characters."""
    return not _installed().isdisjoint(_CJK_FONTS)


def _installed() -> set[str]:
    """Return the names of fonts; those installed since matplotlib made its list are added to it."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    listed = {each.fname for each in fontManager.ttflist}
    if not {each.name for each in fontManager.ttflist} & set(_CJK_FONTS):
        for path in set(findSystemFonts()) - listed:
            with contextlib.suppress(OSError, RuntimeError):  # a file that is no font
                fontManager.addfont(path)
    return {each.name for each in fontManager.ttflist}


def legend(ax: Axes, *, location: Corner) -> None:
    """Add a legend without a frame."""
    ax.legend(loc=location, frameon=False, fontsize=9, labelcolor=BLACK)


def legend_beside(ax: Axes, *, title: str | None = None) -> None:
    """Add a legend without a frame on the right of the picture."""
    ax.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=9, title=title, title_fontsize=9
    )


def rows_axis(ax: Axes, place: Sequence[float] | Integers, labels: Sequence[str]) -> None:
    """Write labels at the places of rows, one below the other, with room above and below."""
    ax.set_yticks(place, labels)
    ax.set_ylim(-0.6, len(labels) - 0.4)


def note(
    ax: Axes,
    words: str,
    at: tuple[Any, float],
    shift: tuple[float, float],
    *,
    size: float = 9,
    colour: str = "black",
    align: tuple[str, str] = ("left", "baseline"),
    measured: Any = "data",  # noqa: ANN401
) -> None:
    """Write words `shift` points beside a place, which is measured in the data, or as `xycoords` says.

    A white rim keeps them legible where they cross a line.
    """
    from matplotlib.patheffects import withStroke

    across, up = align
    ax.annotate(
        words, at, xytext=shift, xycoords=measured, textcoords="offset points", ha=across, va=up,
        fontsize=size, color=colour, path_effects=[withStroke(linewidth=2.5, foreground="white")],
    )  # fmt: skip


def money(amount: float, currency: object = None, *, decimals: int = 0) -> str:
    """Return an amount for people: "$1,204", "−$3", and "–" where it is missing."""
    if math.isnan(amount):
        return "–"
    sign = "−" if round(amount, decimals) < 0 else ""
    return f"{sign}{currency_sign(currency)}{figure(abs(amount), decimals)}"


def money_axis(axis: Axis, currency: object) -> None:
    """Write an axis' ticks as money, with cents where the ticks need them."""
    spoken_here = spoken()

    def written(value: float, _: float | None = None) -> str:
        whole = all(float(tick).is_integer() for tick in axis.get_majorticklocs())
        with language(spoken_here):  # ticks are written when the figure is drawn
            return money(value, currency, decimals=0 if whole else 2)

    axis.set_major_formatter(written)


def date_number(day: np.datetime64) -> float:
    """Return where a day lies on a date axis."""
    import matplotlib.dates as mdates

    return float(mdates.date2num(day))  # type: ignore[no-untyped-call]


def date_axis(axis: Axis) -> None:
    """Write an axis' ticks as months, the first and each January with the year; days on a short span."""
    import matplotlib.dates as mdates

    spoken_here = spoken()

    def written(value: float, position: float | None = None) -> str:
        low, high = axis.get_view_interval()
        day = mdates.num2date(value)  # type: ignore[no-untyped-call]
        with language(spoken_here):
            name = month(day, days=high - low <= 90)
            return f"{name}\n{year(day)}" if position == 0 or (day.month == 1 and day.day == 1) else name

    axis.set_major_locator(mdates.AutoDateLocator(minticks=4, maxticks=9))  # type: ignore[no-untyped-call]
    axis.set_major_formatter(written)


def percent_axis(*axes: Axis) -> None:
    """Write the ticks of axes, which are shares, as per cent."""
    gap = " " if spoken() == ENGLISH else ""
    for axis in axes:
        axis.set_major_formatter(lambda value, _: f"{100 * value:g}{gap}%")


def value_label(attrs: Mapping[object, object]) -> str:
    """Return what value means in a score table: "Customer value over 12 months (margin, discounted, USD)"."""
    horizon = attrs.get("horizon")
    said = {
        "basis": word(attrs.get("value_basis") or mark("value")),
        "currency": attrs.get("currency") or tr("the log's currency"),
    }
    if horizon is None:
        return tr("Customer value ({basis}, discounted, {currency})", **said)
    ahead = span(horizon) if isinstance(horizon, str) else tr("{n:g} units", n=horizon)
    return tr("Customer value over {horizon} ({basis}, discounted, {currency})", horizon=ahead, **said)


def shades(count: int) -> list[str]:
    """Return `count` blues from pale to dark: an order that also shows in grey."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    if count == 1:
        return [BLUE]
    ramp = LinearSegmentedColormap.from_list("tiers", ["#DCE6EE", "#6FAFDA", BLUE, "#00334F"])
    return [to_hex(ramp(k / (count - 1) * 0.92)) for k in range(count)]


def contrast(colour: str) -> str:
    """Return the colour of text that can be read on `colour`."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else BLACK


def shortened(labels: Sequence[str], *, length: int = 28) -> list[str]:
    """Return labels cut to `length` characters."""
    return [label if len(label) <= length else f"{label[: length - 1]}…" for label in labels]
