"""Renew the figure and tables of docs/calibration.md from the ranks in a folder: `make calibration`."""

import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import sbc
from uniformity import band, p_uniform

DOCS = Path(__file__).parents[1] / "docs"
TITLES = {
    "bg_nbd_pooled": "BG/NBD, one population",
    "bg_nbd_grouped": "BG/NBD, three groups",
    "mbg_nbd_pooled": "MBG/NBD, one population",
    "mbg_nbd_grouped": "MBG/NBD, three groups",
    "mbg_cnbd2_pooled": "MBG/CNBD-2, one population",
    "mbg_cnbd3_pooled": "MBG/CNBD-3, one population",
    "mbg_cnbd2_grouped": "MBG/CNBD-2, three groups",
    "pareto_nbd_pooled": "Pareto/NBD, one population",
    "pareto_nbd_grouped": "Pareto/NBD, three groups",
}
ERRORS = {
    "dead_rate_over_T": "λ of customers who left from T, not t_x",
    "shuffled_parameters": "draws of each parameter shuffled by themselves",
    "first_times_delta": "first amounts multiplied by δ, not divided",
}
GREY, BLUE, ORANGE = "0.55", "#0072b2", "#d55e00"


def share_below(numbers, at):
    return np.searchsorted(np.sort(numbers), at, side="right") / len(numbers)


def draw_panel(ax, world, tables):
    """Draw the rank distributions of a world, and that of the quantity farthest off with each error."""
    right, at = tables["right"], np.linspace(0, 1, 401)
    for numbers in right.to_numpy().T:
        ax.plot(at, share_below(numbers, at) - at, color=GREY, lw=0.6, alpha=0.7)
    for name in ERRORS:
        worst = tables[name][sbc.verdict(tables[name]).index[0]].to_numpy()
        ax.plot(at, share_below(worst, at) - at, color=ORANGE, lw=1.4)
    where, low, high = band(len(right), 1 - sbc.bound(right))
    for edge in (low, high):
        ax.plot([0, *where, 1], [0, *edge, 0], color=BLUE, lw=1.6)
    ax.set(title=f"{TITLES[world.name]}: {right.shape[1]} quantities", xlim=(0, 1))
    ax.spines[["top", "right"]].set_visible(False)


def draw(ranks):
    rows, columns = (1, 1) if len(ranks) == 1 else ((len(ranks) + 1) // 2, 2)
    shared = {"sharex": True, "sharey": True, "layout": "constrained"}
    size = (9, 1.6 + 2.5 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, **shared)
    for ax, (world, tables) in zip(axes.flat, ranks.items(), strict=False):
        draw_panel(ax, world, tables)
    lines = [plt.Line2D([], [], color=color) for color in (GREY, BLUE, ORANGE)]
    labels = ["a quantity", "band, 99.9 % for all together", "farthest off with a planted error"]
    figure.legend(lines, labels, loc="outside upper center", ncols=3, frameon=False)
    figure.supxlabel("rank of the truth among posterior draws (0 below all, 1 above all)")
    figure.supylabel("share with a lower rank, less the rank")
    return figure


def markdown(table):
    rows = [table.columns, ["---"] * table.shape[1], *table.to_numpy()]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)


def right_table(ranks):
    rows = []
    for world, tables in ranks.items():
        right = tables["right"]
        strayed = sbc.verdict(right)
        counts = [f"{sum(world.sizes)}", f"{len(right)}", f"{len(strayed)}"]
        rows.append(
            [
                TITLES[world.name],
                *counts,
                strayed.index[0],
                f"{strayed.iloc[0]:.2g}",
                f"{sbc.bound(right):.1g}",
            ]
        )
    columns = ["spec", "customers", "replications", "quantities", "strays most", "p", "bound"]
    return pd.DataFrame(rows, columns=columns)


def planted_table(ranks):
    rows = []
    for world, tables in ranks.items():
        for name, title in ERRORS.items():
            found = sbc.verdict(tables[name])
            same = p_uniform(tables["right"][found.index[0]].head(len(tables[name])).to_numpy())
            p = "< 1e-12" if found.iloc[0] < 1e-12 else f"{found.iloc[0]:.1g}"
            rows.append([TITLES[world.name], title, len(tables[name]), found.index[0], p, f"{same:.2g}"])
    columns = ["spec", "planted error", "replications", "strays most", "p", "p without the error"]
    return pd.DataFrame(rows, columns=columns)


def main(folder):
    def read(world, name):
        return pd.read_parquet(Path(folder) / f"{world.name}-{name}.parquet")

    done = [world for world in sbc.WORLDS if (Path(folder) / f"{world.name}-right.parquet").exists()]
    ranks = {world: {name: read(world, name) for name in ("right", *ERRORS)} for world in done}
    draw(ranks).savefig(DOCS / "figures/sbc.png", dpi=60)  # hundreds of lines: the file grows with it
    path = DOCS / "calibration.md"
    text = path.read_text(encoding="utf-8")
    for mark, table in (("right", right_table(ranks)), ("planted", planted_table(ranks))):
        between = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        text = between.sub(lambda found, table=table: f"{found[1]}{markdown(table)}\n{found[2]}", text)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
