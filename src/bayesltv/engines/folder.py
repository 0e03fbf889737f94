"""A folder of scores: parts, what is known of each, and what says that all are there.

``part-00000.parquet`` and so on are the score table. What begins with an underscore is not read by those who
read a folder of Parquet (Spark, pandas, DuckDB's ``part-*.parquet``): ``_run.json`` says what the run is made
from, ``_records`` holds each part's checksum and totals, ``_totals.nc`` the totals, ``_manifest.json`` all of
that in one file, and ``_SUCCESS`` comes last. Each file is written beside its place and renamed, and each
that says something about the others carries the hash of what it says. Before anything in a finished folder
changes, ``_SUCCESS`` goes.
"""

import fcntl
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.data.summary.store import file_digest
from bayesltv.errors import StoreError
from bayesltv.files import make_folder, replacing, require_folder_name, sync_folder
from bayesltv.held import held
from bayesltv.prediction.totals import Totals
from bayesltv.report.files.export import write_table
from bayesltv.report.files.sealed import FORMAT, read_sealed, sealed
from bayesltv.report.files.verified import FOLDER_MANIFEST as MANIFEST
from bayesltv.report.files.verified import FOLDER_TOTALS as TOTALS
from bayesltv.report.files.verified import RUN, SUCCESS

RECORDS, LOCK = "_records", "_lock"


@dataclass(frozen=True)
class Record:
    """What is known of a part that was written.

    Attributes
    ----------
    rows, infinite_means : int
        Customers, and how many of them have no finite expected value.
    sha256 : str
        Of the part.
    groups, tiers : tuple of str
        Labels of the totals.
    totals : Totals
    """

    rows: int
    infinite_means: int
    sha256: str
    groups: tuple[str, ...]
    tiers: tuple[str, ...]
    totals: Totals


def part_path(folder: Path, number: int) -> Path:
    """Return the path of a part."""
    return folder / f"part-{number:05d}.parquet"


@contextmanager
def locked(path: str | Path) -> Iterator[Path]:
    """Make the folder and keep other runs out of it; what a killed run left half written is removed.

    Where nothing was begun in it, it is gone again at the end: a refusal leaves no trace.

    Raises
    ------
    StoreError
        Where another run is writing into it, or it cannot be made.
    """
    folder = require_folder_name(path, what="scores in parts")
    absent = [each for each in (folder, *folder.parents) if not os.path.exists(each)]
    make_folder(folder)
    with _opened(folder / LOCK) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = lock.read().strip() or "unknown"
            raise StoreError(
                f"another run (process {other}) is writing into {folder}: wait until it is done, or name "
                "another folder"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        for left in [*folder.glob(".*.part"), *folder.glob(f"{RECORDS}/.*.part")]:
            left.unlink()
        try:
            yield folder  # closing the file gives the lock back, and so does being killed
        finally:
            _leave_no_trace(folder, absent)


def _leave_no_trace(folder: Path, made: Sequence[Path]) -> None:
    """Remove the lock, and the folders that were made for it, where nothing else is in them."""
    if any(each.name != LOCK for each in folder.iterdir()):
        return
    (folder / LOCK).unlink(missing_ok=True)
    with suppress(OSError):  # somebody else has put something there
        for each in made:
            each.rmdir()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        lock = path.open("a+", encoding="ascii")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}. Is there permission?") from error
    with lock:
        lock.seek(0)
        yield lock


def stored_run(folder: Path) -> dict[str, Any] | None:
    """Return what the folder's run is made from; None where nothing was begun.

    Raises
    ------
    StoreError
        Where it cannot be read, or the folder holds other things.
    """
    path = folder / RUN
    if not path.is_file():
        strangers = sorted(each.name for each in folder.iterdir() if each.name != LOCK)
        if strangers:
            raise StoreError(
                f"{folder} is not empty and holds no run of scores ({', '.join(strangers[:3])}): name a new "
                "folder"
            )
        return None
    return read_sealed(path, cure=f"Remove {folder}, or name another folder, and run again")


def require_same(folder: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise where the folder's run is made from other things than this one, and name them.

    Raises
    ------
    StoreError
        With each key that differs, what it was and what it is.
    """
    was, now = dict(_flat(stored)), dict(_flat(wanted))
    differing = [key for key in sorted({*was, *now}) if was.get(key) != now.get(key)]
    if differing:
        told = "; ".join(
            f"{key} was {_short(was.get(key))}, is {_short(now.get(key))}" for key in differing[:5]
        )
        more = f"; and {len(differing) - 5} more" if len(differing) > 5 else ""
        raise StoreError(
            f"{folder} holds scores of another run, so that nothing was added to it ({told}{more}): name "
            "another folder, or remove this one"
        )


def write_run(folder: Path, run: Mapping[str, Any]) -> None:
    """Write what the run is made from, before its first part."""
    _put(folder, folder / RUN, sealed(run).encode())


def write_part(folder: Path, number: int, table: pd.DataFrame, record: Record) -> Record:
    """Write a part and then its record, and return the record with the part's checksum.

    Raises
    ------
    StoreError
        Where there is no room or no permission.
    """
    unmark(folder)
    path = write_table(table, part_path(folder, number))
    sums, note = _record_paths(folder, number)
    make_folder(sums.parent)
    with replacing(sums) as (beside,), beside.open("wb") as file:
        np.save(file, record.totals.sums, allow_pickle=False)
    told = {
        "format": FORMAT,
        "rows": record.rows,
        "infinite_means": record.infinite_means,
        "sha256": file_digest(path),
        "totals_sha256": file_digest(sums),
        "groups": list(record.groups),
        "tiers": list(record.tiers),
        "step": record.totals.step,
        "customers": record.totals.customers.tolist(),
    }
    _put(folder, note, sealed(told).encode())
    return replace(record, sha256=told["sha256"])


def read_record(folder: Path, number: int) -> Record | None:
    """Return the record of a part; None where part or record are missing, cut short or changed."""
    sums, note = _record_paths(folder, number)
    try:
        told = read_sealed(note, cure="")
        if file_digest(part_path(folder, number)) != told["sha256"]:
            return None
        with held(sums) as stored:
            if stored.sha256 != told["totals_sha256"]:
                return None
            content = np.load(stored.from_start(), allow_pickle=False)
        customers = np.array(told["customers"], dtype=np.int64)
        totals = Totals(content, customers, float(told["step"]))
    except (OSError, ValueError, KeyError, StoreError):
        return None
    labels = tuple(told["groups"]), tuple(told["tiers"])
    return Record(int(told["rows"]), int(told["infinite_means"]), told["sha256"], *labels, totals)


def finish(folder: Path, run: Mapping[str, Any], records: list[Record], totals: xr.Dataset) -> None:
    """Write what stands over all parts, where it does not stand there already; the marker comes last."""
    _put(folder, folder / TOTALS, totals_bytes(totals))
    write_manifest(folder, run, records)
    write_marker(folder)


def totals_bytes(totals: xr.Dataset) -> bytes:
    """Return totals as the content of their file."""
    content = io.BytesIO()  # HDF5 brings the whole process down when the disk fills up under it
    totals.to_netcdf(content, engine="h5netcdf")
    return content.getvalue()


def write_manifest(folder: Path, run: Mapping[str, Any], records: list[Record]) -> None:
    """Write the manifest: what the run is made from, and the checksum of each file."""
    files: dict[str, Any] = {
        part_path(folder, number).name: {"rows": record.rows, "sha256": record.sha256}
        for number, record in enumerate(records)
    }
    files[TOTALS] = {"sha256": file_digest(folder / TOTALS)}
    _put(folder, folder / MANIFEST, sealed({**run, "files": files}).encode())


def write_marker(folder: Path) -> None:
    """Say that everything is there."""
    _put(folder, folder / SUCCESS, b"")


def unmark(folder: Path) -> None:
    """Take the marker away before something changes: it never stands beside other data."""
    if (folder / SUCCESS).exists():
        (folder / SUCCESS).unlink()
        sync_folder(folder)


def _put(folder: Path, path: Path, content: bytes) -> None:
    """Write a file, unless it has this content already."""
    if path.is_file() and path.read_bytes() == content:
        return
    unmark(folder)
    with replacing(path) as (beside,):
        beside.write_bytes(content)


def _record_paths(folder: Path, number: int) -> tuple[Path, Path]:
    name = part_path(folder, number).stem
    return folder / RECORDS / f"{name}.npy", folder / RECORDS / f"{name}.json"


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."
