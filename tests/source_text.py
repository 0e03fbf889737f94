"""The source text of the package, for tests that read it."""

from pathlib import Path

PACKAGE = "bayesltv"
SOURCE = Path(__file__).parents[1] / "src" / PACKAGE


def sources() -> dict[str, str]:
    """The text of every module by its dotted name, a package's without `__init__`."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found
