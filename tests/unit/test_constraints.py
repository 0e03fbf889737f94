"""The pins: everything pyproject.toml asks for, and no word about where it comes from."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).parents[2]
LINES = (TOP / "constraints.txt").read_text("utf-8").splitlines()


def pins() -> dict[str, Requirement]:
    """What is pinned, by name."""
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, LINES)}


def asked_for() -> list[Requirement]:
    """What the package, its extras and its dependency groups require."""
    pyproject = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))
    project = pyproject["project"]
    extras = [*project["optional-dependencies"].values(), *pyproject["dependency-groups"].values()]
    return [Requirement(text) for text in [*project["dependencies"], *(t for extra in extras for t in extra)]]


def test_every_requirement_is_pinned_to_a_version_that_it_allows() -> None:
    pinned = pins()
    for wanted in asked_for():
        (pin,) = pinned[canonicalize_name(wanted.name)].specifier
        assert pin.operator == "=="
        assert wanted.specifier.contains(pin.version, prereleases=True), f"{wanted}: run `make lock`"


def test_pins_name_no_package_index_and_no_path() -> None:
    assert [
        line for line in LINES if "/" in line or "\\" in line or "@" in line or line.startswith("-")
    ] == []


def test_each_package_is_pinned_once_for_every_python_served() -> None:
    assert len(pins()) == len(LINES)
    assert [line for line in LINES if "python_version" in line] == []
