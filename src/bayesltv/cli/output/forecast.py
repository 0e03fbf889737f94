"""A forecast for a terminal."""

from rich.console import Console
from rich.table import Table

from bayesltv.arrivals.result import WHOLE, Forecast
from bayesltv.languages.language import label, retold, tr, word
from bayesltv.names import COMMON_SHOCKS
from bayesltv.report.style import money

MOST = 14
COUNTS = ("new_customers", "purchases")


def show_forecast(found: Forecast, console: Console) -> None:
    """Print the total by period, and the parts of the whole horizon."""
    currency = found.attrs["currency"]
    table = Table(
        title=tr("The business ahead, {source}", source=word(found.attrs["source"])), title_justify="left"
    )
    for heading in ("period", "part", "quantity", "p05", "p50", "p95"):
        table.add_column(
            word(heading), justify="right" if heading.startswith("p0") or heading[1:].isdigit() else "left"
        )
    rows = found.table[(found.table["part"] == "total") | (found.table["period"] == WHOLE)]
    periods = [*list(dict.fromkeys(rows["period"]))[: MOST - 1], WHOLE]
    shown = rows[rows["period"].isin(periods)]
    ends = shown["quantity"] != shown["quantity"].shift(-1)
    for each, is_last in zip(shown.to_dict("records"), ends, strict=True):
        unit = None if each["quantity"] in COUNTS else currency
        numbers = [money(each[level], unit) for level in ("p05", "p50", "p95")]
        names = (word(each["period"]), label(each["part"]), word(each["quantity"]))
        table.add_row(*names, *numbers, end_section=is_last)
    console.print(table)
    for each in () if found.reached is None else found.reached.to_dict("records"):
        if each["period"] == WHOLE:
            said = tr(
                "P({planned} {quantity} ({channel}) reached) = {p}",
                planned=f"{each['planned']:,.0f}", quantity=word(each["quantity"]),
                channel=label(each["channel"]), p=f"{each['p_reached']:.2f}",
            )  # fmt: skip
            console.print(said, highlight=False, markup=False)
    for text in (
        retold(found.attrs["said"]),
        tr("totals: {shocks}", shocks=retold(found.attrs[COMMON_SHOCKS])),
    ):
        if text:
            console.print(text, highlight=False, markup=False)
