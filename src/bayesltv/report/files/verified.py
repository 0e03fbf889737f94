"""What stands on disk, compared before it is used with the manifest that stands beside it.

Three kinds of manifest list files with their checksums: that of a score table (``NAME.manifest.json``), of a
folder of scores (``_manifest.json``) and of a plan (``plan.manifest.json``). A table of which no manifest
speaks, a CSV that comes back from a CRM, is accepted as it is, and called unverified.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bayesltv.decisions.plan import ALWAYS
from bayesltv.errors import StoreError
from bayesltv.held import Held, held
from bayesltv.report.files.sealed import read_sealed

FOLDER_MANIFEST, FOLDER_TOTALS = "_manifest.json", "_totals.nc"
RUN, SUCCESS = "_run.json", "_SUCCESS"
"""Files of a folder of scores: see `bayesltv.engines.folder`."""
PLAN_MANIFEST = "plan.manifest.json"
PARTS = "part-*.parquet"


@dataclass(frozen=True)
class Origin:
    """What is known of a table that was read.

    Attributes
    ----------
    file : str
        Its name.
    sha256 : str
        Of the bytes that were read; of a folder, of its manifest, which holds those of its files.
    verified : bool
        Whether a manifest says that these are the bytes that were written.
    """

    file: str
    sha256: str
    verified: bool

    def told(self) -> dict[str, str]:
        """Return what a manifest says of it."""
        return {
            "file": self.file,
            "sha256": self.sha256,
            "manifest": "verified" if self.verified else "unverified",
        }


def checksums(manifest: Mapping[str, Any], path: Path, *, cure: str) -> dict[str, str]:
    """Return place of a file beside the manifest -> SHA-256.

    Raises
    ------
    StoreError
        Where the manifest lists no files.
    """
    try:
        if "sha256" in manifest:
            return {str(name): str(value) for name, value in manifest["sha256"].items()}
        return {str(name): str(value["sha256"]) for name, value in manifest["files"].items()}
    except (KeyError, TypeError, AttributeError):
        raise StoreError(f"{path} is missing or damaged: it does not list its files. {cure}") from None


@contextmanager
def verified(path: Path, sha256: str, *, cure: str) -> Iterator[Held]:
    """Yield an open file whose bytes are those that its manifest tells of.

    Raises
    ------
    StoreError
        Where it is not there, or they are not.
    """
    if not os.path.isfile(path):
        raise StoreError(f"{path} is missing, though the manifest beside it lists it. {cure}")
    with held(path) as file:
        _require_same(file, sha256, cure=cure)
        yield file


def _require_same(file: Held, sha256: str, *, cure: str) -> None:
    if file.sha256 != sha256:
        raise StoreError(
            f"{file.path} does not fit the manifest beside it: it was changed, or the run that wrote it was "
            f"stopped. {cure}"
        )


def require_finished(folder: Path, *, cure: str) -> None:
    """Raise where a folder of scores has no marker: then its run is not done, or was stopped.

    Raises
    ------
    StoreError
    """
    if not os.path.isfile(folder / SUCCESS):
        raise StoreError(f"{folder} has no {SUCCESS}: its run is not done, or was stopped. {cure}")


def parts_of(folder: Path, listed: Mapping[str, str] | None, *, cure: str) -> list[Path]:
    """Return the parts of a folder of scores that has its marker, in their order.

    Parameters
    ----------
    folder : Path
    listed : mapping, optional
        What its manifest lists; None where there is no manifest, as in a folder that Spark wrote.
    cure : str

    Raises
    ------
    StoreError
        Where there is no marker, no part, or one of which the manifest does not speak.
    """
    require_finished(folder, cure=cure)
    there = {path.name for path in folder.glob("*.parquet") if not path.name.startswith((".", "_"))}
    expected = there if listed is None else {name for name in listed if name.endswith(".parquet")}
    if strangers := sorted(there - expected):
        raise StoreError(
            f"{folder} holds {strangers[0]}, of which its {FOLDER_MANIFEST} does not speak. Move that file "
            f"elsewhere; or: {cure}"
        )
    if not expected:
        raise StoreError(f"{folder} holds no Parquet file. {cure}")
    return [folder / name for name in sorted(expected)]


def held_parts(folder: Path) -> Iterator[tuple[Held, bool]]:
    """Yield the parts of a folder of scores, each open, and whether it was compared with a manifest.

    Raises
    ------
    StoreError
        Where the folder has no marker, or a part does not fit the manifest.
    """
    cure = f"Score into {folder} again"
    manifest = folder / FOLDER_MANIFEST
    listed = None
    if os.path.exists(manifest) or os.path.exists(folder / RUN):
        listed = checksums(read_sealed(manifest, cure=cure), manifest, cure=cure)
    for path in parts_of(folder, listed, cure=cure):
        if listed is None:
            with held(path) as file:
                yield file, False
        else:
            with verified(path, listed[path.name], cure=cure) as file:
                yield file, True


@contextmanager
def held_table(path: Path) -> Iterator[tuple[Held, Origin]]:
    """Yield a table opened once, compared with the manifest beside it where there is one.

    Raises
    ------
    StoreError
        Where it does not fit its manifest, or belongs to a run that was stopped.
    """
    with held(path) as file:
        sha256 = _listed(path)
        if sha256 is not None:
            _require_same(file, sha256, cure=_cure(path))
        yield file, Origin(path.name, file.sha256, sha256 is not None)


def _listed(path: Path) -> str | None:
    """Return the checksum that a manifest beside a table tells of it; None where none speaks of it."""
    cure = _cure(path)
    if path.match(PARTS) and (path.parent / RUN).exists():
        require_finished(path.parent, cure=cure)
    if path.stem == "customers" and (path.parent / f"{ALWAYS[0]}.csv").exists():
        _require_plan(path.parent, cure=cure)
    beside = path.with_suffix(".manifest.json"), *map(path.with_name, (FOLDER_MANIFEST, PLAN_MANIFEST))
    for manifest in beside:
        if os.path.isfile(manifest):
            listed = checksums(read_sealed(manifest, cure=cure), manifest, cure=cure)
            if path.name in listed:
                return listed[path.name]
    return None


def _require_plan(folder: Path, *, cure: str) -> None:
    if not (folder / PLAN_MANIFEST).is_file():
        raise StoreError(
            f"{folder} holds a plan without its {PLAN_MANIFEST}: the run that wrote it was stopped. {cure}"
        )


def _cure(path: Path) -> str:
    return f"Make it again, or copy {path.name} into a folder of its own to use it unverified"
