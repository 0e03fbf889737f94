"""Stored files with one byte changed: python mutations.py [NAME ...] [--count 300] [--seed 1]

Each mutation is answered in a process of its own. What is stored must be refused by an error of the package,
or give the same answer, byte for byte: a different answer, a hang, a crash and an error of any other family
are faults. A kind of stored thing is one entry of TARGETS: how it is made, which of its bytes may change, and
what is asked of it.
"""

import argparse
import hashlib
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

import bayesltv as ltv
from bayesltv.data.summary.store import read_summary, summary_batches, write_summary

SECONDS = 60
"""A mutation that takes longer hangs."""
FINE = ("refused", "same")
Span = tuple[int, int]


@dataclass(frozen=True)
class Target:
    """A kind of stored thing.

    Attributes
    ----------
    make : callable
        Writes it, and what it takes to ask it, into an empty folder.
    spans : callable
        Folder -> files whose bytes change, each with the spans (from, to) that half of its mutations hit;
        none where they may hit anything.
    answer : callable
        Folder -> everything that is asked of it, as bytes.
    """

    make: Callable[[Path], None]
    spans: Callable[[Path], dict[Path, list[Span]]]
    answer: Callable[[Path], bytes]


# ------------------------------------------------------------------------------------------ what is stored


def make_fit(folder: Path) -> None:
    """A small fit, the summary that it was fitted to and one of its customers to score."""
    log = ltv.simulate_log(
        200, seed=3, start="2020-01-01", observation_end="2020-12-31", acquisition_days=200,
        purchase={"r": 0.9, "alpha": 5.0, "a": 0.8, "b": 2.5}, spend={"p": 6.0, "q": 4.0, "v": 15.0},
    )  # fmt: skip
    log["channel"] = np.where(log["customer_id"].str[1:].astype(int) % 3 == 0, "shop", "web")
    summary = ltv.summarize(log, observation_end="2020-12-31", time_unit="week", groups=["channel"])
    write_summary(summary, folder / "summary.parquet")
    sampler = {"chains": 2, "draws": 100}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = ltv.load_spec("by_group")
        fit = ltv.fit(summary, spec, seed=1, method="laplace", sampler=sampler, progress=False)
    ltv.save(fit, folder / "fit.nc")


def posterior_spans(folder: Path) -> dict[Path, list[Span]]:
    """Where the arrays of the posterior stand in the file."""
    spans: list[Span] = []
    with h5py.File(folder / "fit.nc") as file:
        for each in file["posterior"].values():
            start = each.id.get_offset()
            if start is not None and each.dtype.kind == "f":
                spans.append((start, start + each.id.get_storage_size()))
    return {folder / "fit.nc": spans}


def asked_of_fit(folder: Path, summary: pd.DataFrame) -> bytes:
    """Scores, check table and LOO of a fit, as bytes."""
    fit = ltv.load(folder / "fit.nc")
    failed = [each.name for each in ltv.check(fit, summary).failed]
    decision = ltv.load_decision("retention")
    scores = ltv.score(fit, summary, decision, seed=1, draws=50, accept_failed=failed, threads=1)
    loo = ltv.loo(fit, summary)
    figures = [value for part in loo.values() for value in (part.elpd, part.se, part.p)]
    table = ltv.check(fit, summary).table.to_csv()
    return as_bytes(scores) + table.encode() + np.array(figures, dtype=float).tobytes()


def answer_of_fit(folder: Path) -> bytes:
    return asked_of_fit(folder, read_summary(folder / "summary.parquet"))


def answer_of_summary(folder: Path) -> bytes:
    """What a summary says, read whole and in parts, and what a fit makes of it."""
    summary = read_summary(folder / "summary.parquet")
    parts = pd.concat(summary_batches(folder / "summary.parquet", 70, with_days=True))
    return as_bytes(summary) + as_bytes(parts) + asked_of_fit(folder, summary)


def as_bytes(frame: pd.DataFrame) -> bytes:
    """A frame and its attributes, to the last bit."""
    content = [repr(sorted((str(k), str(v)) for k, v in frame.attrs.items())).encode()]
    for name, column in frame.items():
        plain = column.to_numpy()
        text = plain.dtype == object or plain.dtype.kind not in "biufM"
        content.append(str(name).encode())
        content.append(repr([str(v) for v in plain]).encode() if text else plain.tobytes())
    return b"\0".join(content)


def anywhere(*files: str) -> Callable[[Path], dict[Path, list[Span]]]:
    """Mutations hit any byte of these files."""
    return lambda folder: {folder / name: [] for name in files}


TARGETS = {
    "fit": Target(make_fit, posterior_spans, answer_of_fit),
    "summary": Target(make_fit, anywhere("summary.parquet"), answer_of_summary),
}


# ----------------------------------------------------------------------------------------------- mutations


def mutate(path: Path, spans: Sequence[Span], rng: np.random.Generator) -> str:
    """Change one byte of a file and say which: within one of the spans every other time."""
    content = bytearray(path.read_bytes())
    if spans and rng.random() < 0.5:
        places = np.concatenate([np.arange(*span) for span in spans])
        at = int(rng.choice(places))
    else:
        at = int(rng.integers(len(content)))
    new = (content[at] + int(rng.integers(1, 256))) % 256
    said = f"{path.name} byte {at:,}: {content[at]} -> {new}"
    content[at] = new
    path.write_bytes(content)
    return said


def outcome(target: Target, folder: Path, wanted: bytes) -> tuple[str, str]:
    """What becomes of the question, asked in a process of its own: a word, and what was said."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        word, said = _answered(target, folder, wanted)
        os.write(send, f"{word}\n{said}".encode()[:4000])
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as told:
        word, _, said = told.read().decode(errors="replace").partition("\n")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        by = signal.Signals(os.WTERMSIG(status))
        return ("hung" if by == signal.SIGALRM else "crashed"), by.name
    return word, said


def _answered(target: Target, folder: Path, wanted: bytes) -> tuple[str, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = hashlib.sha256(target.answer(folder)).digest()
    except ltv.BayesltvError as error:
        return "refused", f"{type(error).__name__}: {error}"
    except BaseException as error:
        return "error", f"{type(error).__name__}: {error}"
    return ("same" if found == wanted else "different"), ""


def run(name: str, *, count: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Count what becomes of `count` mutations of a target, and list those that are faults."""
    target, rng = TARGETS[name], np.random.default_rng([seed, len(name)])
    counts: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        target.make(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = hashlib.sha256(target.answer(folder)).digest()
        spans = target.spans(folder)
        originals = {path: path.read_bytes() for path in spans}
        for _ in range(count):
            path = list(spans)[int(rng.integers(len(spans)))]
            where = mutate(path, spans[path], rng)
            word, said = outcome(target, folder, wanted)
            path.write_bytes(originals[path])
            counts[word] += 1
            if word not in FINE:
                faults.append(f"{where}: {word} {said}")
    return counts, faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Print counts of each target, and every fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=list(TARGETS))
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    bad = 0
    for name in asked.names:
        started = time.perf_counter()
        counts, faults = run(name, count=asked.count, seed=asked.seed)
        told = ", ".join(f"{number} {word}" for word, number in counts.most_common())
        print(f"{name}: {asked.count} mutations, {told} ({time.perf_counter() - started:.0f} s)")
        print(*(f"  {fault}" for fault in faults), sep="\n", end="")
        bad += len(faults)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
