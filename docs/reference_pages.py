"""Reference pages of the site, written from the code: nothing in them is kept by hand."""

import shutil
from pathlib import Path

import bayesltv as ltv

SPECS = (
    "ModelSpec", "PurchaseSpec", "SpendSpec", "ClockSpec", "Pooling", "PriorSpec", "Covariate", "GateSpec",
    "SamplerSpec", "DecisionSpec", "ValueSpec", "TierSpec", "Tier", "StageSpec", "ActionSpec", "BudgetSpec",
    "LimitSpec", "AcquisitionSpec",
)  # fmt: skip
_WIDTH = "100"


def write_pages(docs: Path) -> None:
    """Write the reference pages, and the benchmarks' page, into the folder of the documentation."""
    folder = docs / "reference"
    folder.mkdir(exist_ok=True)
    pages = {
        "api": _api(), "questions": _questions(), "keys": _keys(), "columns": _columns(),
        "command_line": _command_line(),
    }  # fmt: skip
    for name, text in pages.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    text = (docs.parent / "benchmarks/README.md").read_text(encoding="utf-8")
    (docs / "benchmarks.md").write_text(text.replace("](../docs/", "]("), encoding="utf-8")
    ran = docs.parent / "build/notebooks"
    if not ran.exists():
        raise SystemExit("no notebook has run: `make docs` runs them first")
    shutil.rmtree(docs / "gallery", ignore_errors=True)
    shutil.copytree(ran, docs / "gallery")


def _rst(lines: list[str]) -> str:
    return "```{eval-rst}\n" + "\n".join(lines) + "\n```\n"


def _api() -> str:
    lines = []
    for name in sorted(set(ltv.__all__) - set(SPECS) - {"CustomerBase"}, key=str.lower):
        value = getattr(ltv, name)
        kind = "autoclass" if isinstance(value, type) else "autofunction" if callable(value) else "automodule"
        lines += [f".. {kind}:: bayesltv.{name}", ""]
    return "# Functions and results\n\nAll names of `import bayesltv as ltv`.\n\n" + _rst(lines)


def _questions() -> str:
    lines = [".. autoclass:: bayesltv.CustomerBase", "   :members:", "   :inherited-members:", ""]
    return "# Questions of a customer base\n\n" + _rst(lines)


def _keys() -> str:
    lines = [line for name in SPECS for line in (f".. autoclass:: bayesltv.{name}", "")]
    return "# Keys of specs and decisions\n\nEach section of a TOML file is one class.\n\n" + _rst(lines)


def _columns() -> str:
    from bayesltv.prediction.scores.score_columns import documented

    def rows() -> str:
        return "\n".join(f"| {names} | {unit} | {how} |" for names, unit, how in documented())

    why = "Why P(alive) is no reason to act: [](../concepts.md)."
    english = f"# Columns of a score table\n\n| column | unit | meaning |\n|---|---|---|\n{rows()}\n\n{why}\n"
    with ltv.language("zh"):
        return f"{english}\n## 评分表的列\n\n| 列 | 单位 | 含义 |\n|---|---|---|\n{rows()}\n"


def _command_line() -> str:
    from typer.testing import CliRunner

    from bayesltv.cli.app import COMMANDS, app

    runner, parts = CliRunner(), ["# Command line\n"]
    calls = [(name,) for name in COMMANDS]
    for group in app.registered_groups:
        calls += [(str(group.name), str(each.name)) for each in group.typer_instance.registered_commands]
    for call in calls:
        said = runner.invoke(app, [*call, "--help"], env={"COLUMNS": _WIDTH, "NO_COLOR": "1", "TERM": "dumb"})
        if said.exit_code:
            raise SystemExit(f"bayesltv {' '.join(call)} --help ended with {said.exit_code}")
        parts.append(f"## bayesltv {' '.join(call)}\n\n```text\n{said.output.strip()}\n```\n")
    return "\n".join(parts)
