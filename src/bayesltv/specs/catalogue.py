"""Where spec files are: a path, or the name of one that is shipped in models/."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bayesltv.errors import LINE, SpecError, StoreError, cut
from bayesltv.files import replacing, require_ending
from bayesltv.specs import checked
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.toml_file import Table, read_toml

type SpecLike = ModelSpec | str | Path
"""A spec, a file, or the name of a shipped one."""
type DecisionLike = DecisionSpec | str | Path
"""A decision, a file, or the name of a shipped one."""
type Kind = Literal["model", "decision"]
_FOLDERS: dict[Kind, tuple[str, ...]] = {"model": (), "decision": ("decisions",)}
_SECTION: dict[Kind, str] = {"model": "purchase", "decision": "value"}


@dataclass(frozen=True)
class Shipped:
    """A file that comes with the package.

    Attributes
    ----------
    name : str
        What `load_spec` or `load_decision` takes.
    kind : "model" or "decision"
    title : str
    path : Path
    """

    name: str
    kind: Kind
    title: str
    path: Path


def load_spec(path: str | Path) -> ModelSpec:
    """Return the model spec of a TOML file.

    Parameters
    ----------
    path : str or Path
        A file, or the name of a shipped one: "pooled", "by_group.toml" and "models/by_group.toml" are found
        wherever the package is installed. A file that exists goes before a shipped one of the same name.

    Raises
    ------
    SpecError
        Where there is no such file, or something in it is wrong; the message names file, key path and cure.

    Examples
    --------
    >>> load_spec("pooled").purchase.family
    'bg_nbd'
    """
    return _load(path, "model", ModelSpec.read)


def load_decision(path: str | Path) -> DecisionSpec:
    """Return the decision of a TOML file.

    Parameters
    ----------
    path : str or Path
        A file, or the name of a shipped one: "retention" or "models/decisions/retention.toml".

    Raises
    ------
    SpecError
        Where there is no such file, or something in it is wrong; the message names file, key path and cure.

    Examples
    --------
    >>> load_decision("retention").tiers.names
    ('low', 'medium', 'high')
    """
    return _load(path, "decision", DecisionSpec.read)


def spec_of(value: SpecLike) -> ModelSpec:
    """Return the spec that is meant: one as it is, a path or a shipped name as `load_spec` reads it.

    Raises
    ------
    SpecError
        Where there is no such file, something in it is wrong, or `value` is none of these.
    """
    return _given(value, ModelSpec, load_spec, "spec", "pooled")


def default_spec(groups: Sequence[str]) -> str:
    """Return the shipped spec that suits any log: MBG/NBD, by group where the summary has groups.

    Under BG/NBD nobody leaves after the first purchase: where many do, forecasts of them are too high.
    """
    return "mbg_by_group" if groups else "mbg_pooled"


def decision_of(value: DecisionLike) -> DecisionSpec:
    """Return the decision that is meant: one as it is, a path or a shipped name as `load_decision` reads it.

    Raises
    ------
    SpecError
        Where there is no such file, something in it is wrong, or `value` is none of these.
    """
    return _given(value, DecisionSpec, load_decision, "decision", "retention")


def _given[S](
    value: S | str | Path, cls: type[S], load: Callable[[str | Path], S], what: str, example: str
) -> S:
    if isinstance(value, cls):
        return value
    if isinstance(value, str | Path):
        return load(value)
    raise SpecError(
        f'a {what} is a {cls.__name__}, a path or a shipped name like "{example}", not a '
        f"{type(value).__name__}: are arguments swapped?"
    )


def load_any(path: str | Path) -> ModelSpec | DecisionSpec:
    """Return what a TOML file declares, a model or a decision, by the sections it has.

    Raises
    ------
    SpecError
        Where there is no such file, or something in it is wrong.
    """
    kinds: tuple[Kind, ...] = ("model", "decision")
    shipped = [file for kind in kinds for file in _files(kind) if _is_named(path, file, kind)]
    if not os.path.isfile(path) and not shipped:
        raise _absent(path, "spec", [file.stem for kind in kinds for file in _files(kind)])
    table = read_toml(path if os.path.isfile(path) else shipped[0])
    return DecisionSpec.read(table) if _SECTION["decision"] in table else ModelSpec.read(table)


def copy_shipped(name: str, out: str | Path | None = None) -> Path:
    """Write a shipped file as it is, with its remarks, and return where; default: its name in this folder.

    Raises
    ------
    SpecError
        Where no file of this name is shipped.
    StoreError
        Where the file exists, or is not called .toml, or cannot be written.
    """
    shipped = next((each for each in list_specs() if _is_named(name, each.path, each.kind)), None)
    if shipped is None:
        raise _absent(name, "spec", [each.name for each in list_specs()])
    where = require_ending(out or f"{shipped.name}.toml", (".toml",), what="a spec is written as TOML")
    if where.exists():
        raise StoreError(f"{where} exists and stays as it is: give another --out, or move it away")
    with replacing(where) as (part,):
        part.write_bytes(shipped.path.read_bytes())
    return where


def list_specs() -> tuple[Shipped, ...]:
    """Return the shipped model specs and decisions, models first, each by name."""
    return tuple(_shipped(file, kind) for kind in ("model", "decision") for file in _files(kind))


def models_folder() -> Path:
    """Return the folder of the shipped files: inside the installed package, else that of the source tree.

    Raises
    ------
    SpecError
        Where neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "models", package.parents[1] / "models"):
        if folder.is_dir():
            return folder
    raise SpecError(f"the shipped models are missing beside {package}: install the package again")


def _load[S](path: str | Path, kind: Kind, read: Callable[[Table], S]) -> S:
    table = read_toml(_find(path, kind))
    other: Kind = "decision" if kind == "model" else "model"
    if _SECTION[other] in table and _SECTION[kind] not in table:
        raise SpecError(
            f"{path}: this is a {other} file: load it with load_{'spec' if other == 'model' else other}"
        )
    return read(table)


def _find(path: str | Path, kind: Kind) -> Path:
    if os.path.isfile(path):
        return Path(path)
    for file in _files(kind):
        if _is_named(path, file, kind):
            return file
    raise _absent(path, "spec" if kind == "model" else "decision", [file.stem for file in _files(kind)])


def _absent(path: str | Path, what: str, shipped: list[str]) -> SpecError:
    near = checked.nearest(Path(path).stem, shipped)
    hint = f"{near} " if near.startswith("did") else ""
    asked = cut(str(path), 4 * LINE)
    return SpecError(f"{what} file '{asked}' does not exist; {hint}shipped: {', '.join(shipped)}")


def _is_named(path: str | Path, file: Path, kind: Kind) -> bool:
    asked = Path(path)
    folder = ("models", *_FOLDERS[kind])
    is_here = asked.parts[:-1] in ((), _FOLDERS[kind], folder)
    return is_here and asked.name in (file.stem, file.name)


def _files(kind: Kind) -> list[Path]:
    return sorted(models_folder().joinpath(*_FOLDERS[kind]).glob("*.toml"))


def _shipped(file: Path, kind: Kind) -> Shipped:
    head = read_toml(file).table(kind)
    return Shipped(file.stem, kind, head.text("title", default=file.stem), file)
