# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # My purchases are in a database. Must I export them?
#
# No. `bayesltv` reads a table, lets the database add up by customer and day, and writes scores into a table,
# whole or not at all. Here with DuckDB and SQLite, which are files; with Postgres or MySQL only the address
# is another one: see `docs/databases.md`.

# %%
import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import duckdb
import ibis
import pandas as pd

import bayesltv as ltv

# %% [markdown]
# A made-up shop, as the table `orders` of a DuckDB file, and with other names of columns in a SQLite file.

# %%
folder = Path(mkdtemp())
log = ltv.simulate_log(
    800, seed=19, family="mbg_nbd", start="2022-01-01", observation_end="2023-12-31", acquisition_days=360,
    purchase={"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4}, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)[["customer_id", "date", "amount"]]  # fmt: skip
log["amount"] = log["amount"].round(2)
with duckdb.connect(str(folder / "shop.duckdb")) as connection:
    connection.execute("CREATE TABLE orders AS SELECT * FROM log")
shop = sqlite3.connect(folder / "shop.sqlite")
sales = log.set_axis(["buyer", "day", "paid"], axis="columns")
sales.assign(day=sales["day"].dt.strftime("%Y-%m-%d")).to_sql("sales", shop, index=False)


# %% [markdown]
# The commands of this page, as a job would run them: what they say, and their exit code.


# %%
def run(*words):
    words = [sys.executable, "-m", "bayesltv", *words]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603


def bayesltv(*words):
    told = run(*words)
    print(f"$ bayesltv {' '.join(words)}\n{told.stdout}{told.stderr}exit code {told.returncode}")


# %% [markdown]
# ## From a table to a summary
#
# At most one row for each customer and day leaves the database, all of one state of it (a *snapshot*). An
# address has three slashes for a file that is named from here, four for one named from the root.

# %%
END = ["--observation-end", "2023-12-31", "--time-unit", "week", "--currency", "USD"]
bayesltv("summarize", "duckdb:///shop.duckdb", "--table", "orders", *END, "--out", "summary.parquet")

# %% [markdown]
# A query (SQL in a file) takes the place of a table, to name columns or to leave rows out.

# %%
(folder / "sales.sql").write_text("SELECT buyer AS customer_id, day AS date, paid AS amount FROM sales")
bayesltv("summarize", "sqlite:///shop.sqlite", "--query", "sales.sql", *END, "--out", "again.parquet")

# %% [markdown]
# In Python a table of [Ibis](https://ibis-project.org) is a log like any other. All three summaries have the
# same *fingerprint*, a short text that stands for every value in them; so has that of a CSV file.

# %%
summary = ltv.summarize(
    ibis.duckdb.connect(folder / "shop.duckdb", read_only=True).table("orders"),
    observation_end="2023-12-31",
    time_unit="week",
    currency="USD",
)
summaries = [ltv.as_summary(folder / name) for name in ("summary.parquet", "again.parquet")]
{each.attrs["fingerprint"] for each in (summary, *summaries)}

# %% [markdown]
# ## From scores to a table
#
# A quick fit (Laplace, a normal approximation) is enough to show the way. Columns and the right to write are
# looked at before the work; then all rows go into the table in one *transaction*: all of them, or none.

# %%
bayesltv("fit", "summary.parquet", "--method", "laplace", "--seed", "1", "--out", "fit.nc", "--quiet")
SCORE = ["score", "fit.nc", "summary.parquet", "--decision", "retention", "--seed", "1", "--draws", "500"]
bayesltv(*SCORE, "--out", "sqlite:///shop.sqlite", "--table", "scores")

# %%
columns = "customer_id, as_of_date, p_alive, ltv_mean, tier"
pd.read_sql(f"SELECT {columns} FROM scores ORDER BY ltv_mean DESC LIMIT 5", shop)

# %% [markdown]
# Beside it stands `scores_manifest`: the last day observed, which spec and fit, how many rows, and a *hash*
# of all of them.

# %%
pd.read_sql("SELECT as_of_date, model_version, sha256, customers FROM scores_manifest", shop)

# %% [markdown]
# **The same run again changes nothing**, so a job that is not sure whether it ran may just run again. With
# `--mode append` a table keeps the rows of other days and models.

# %%
bayesltv(*SCORE, "--out", "sqlite:///shop.sqlite", "--table", "scores", "--quiet")
pd.read_sql("SELECT count(*) AS n, count(DISTINCT customer_id) AS customers FROM scores", shop)

# %% [markdown]
# ## One customer, for a service
#
# The row that `score` gives, from a base that stays in memory: some milliseconds.

# %%
fit, decision = ltv.load(folder / "fit.nc"), ltv.load_decision("retention")
base = ltv.customer_base(fit, summaries[0], seed=1, draws=500)
who = summaries[0]["customer_id"].iloc[0]
row = base.score_one(who, decision)
there = pd.read_sql("SELECT ltv_mean FROM scores WHERE customer_id = ?", shop, params=[who])
row["ltv_mean"], there["ltv_mean"].iloc[0]

# %% [markdown]
# ## What is refused
#
# A table or a column that is not there: the nearest name is told. An unknown kind of database. Each kind of
# trouble has an exit code of its own.

# %%
bayesltv("summarize", "duckdb:///shop.duckdb", "--table", "order", *END, "--out", "new.parquet")

# %%
names = ["--datetime-col", "dates"]
bayesltv("summarize", "duckdb:///shop.duckdb", "--table", "orders", *names, *END, "--out", "new.parquet")

# %%
bayesltv("summarize", "oracle://shop", "--table", "orders", *END, "--out", "new.parquet")

# %% [markdown]
# A password in an address would stand in every list of processes. It is refused, and not repeated; it belongs
# in `PGPASSWORD`, `MYSQL_PWD` or the driver's own file.

# %%
told = run("summarize", "postgres://me:swordfish@shop", "--table", "orders", *END, "--out", "new.parquet")
assert "swordfish" not in told.stderr
print(told.stderr, "exit code", told.returncode)

# %% [markdown]
# Scores for a table that has other columns are refused before any work, and the table stays as it is:

# %%
bayesltv(*SCORE, "--out", "sqlite:///shop.sqlite", "--table", "sales", "--quiet")
len(pd.read_sql("SELECT * FROM sales", shop)) - len(log)

# %% [markdown]
# **What you may believe.** Summary and scores by way of a database are those of the files, to the last bit. A
# run that is killed leaves the table as it was. **What this does not tell:** how long your own server takes;
# `docs/databases.md` has ten million rows, beside the way by CSV.

# %%
shop.close()
