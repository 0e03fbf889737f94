"""Files that people write, damaged in a thousand ways: each is read or refused, by file and key, in no time.

Seeds are fixed, so that the mutants are the same in every run. ``pytest -s`` prints how many were refused.
"""

import json
import random
import signal
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import xarray as xr
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.specs.catalogue import load_any, models_folder
from mutants import Mutant, json_text, mutants, places, textual

SECONDS = 60.0
"""Of the processor. A mutant takes milliseconds, or under a second where customers are scored."""
LONGEST = 2_200
"""Characters of a message: 2,000 and what stands around them."""


class Hung(BaseException):
    """Nothing came back in time."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def told_of(arguments: list[object], codes: tuple[int, ...]) -> str | None:
    """Run a command; return what it refused with, None where it did not. Anything else is a failure."""
    with limit(SECONDS):
        result = CliRunner().invoke(app, [str(each) for each in arguments])
    assert result.exit_code in (0, *codes), "\n".join(
        each[-500:] for each in result.output.splitlines()[-20:]
    )
    if result.exit_code == 0:
        return None
    (line,) = [each for each in result.stderr.splitlines() if each.startswith("error: ")]
    assert len(line) < LONGEST
    assert "Traceback" not in result.output
    return line


def names_key(line: str, mutant: Mutant, tree: dict) -> bool:
    """Whether a message names the damaged key or one that holds it; or what contradicts it elsewhere."""
    if not mutant.key or "not TOML" in line:  # what cannot be parsed has no keys
        return True
    elsewhere = mutant.what in ("gone", "what stands elsewhere") or mutant.what.startswith("renamed")
    keys = {each for place in places(tree) for each in place} if elsewhere else set()
    texts = [each[:20] for each in {*keys, *mutant.key} if isinstance(each, str) and each]
    return any(text in line for text in texts)


MODELS = sorted(models_folder().glob("*.toml"))
DECISIONS = sorted(models_folder().glob("decisions/*.toml"))


def fuzzed(kind: str, files: list[Path], folder: Path, *, count: int) -> Iterator[Path]:
    """Check mutants of shipped files by `bayesltv models check`; yield those that are taken for sound."""
    tally: Counter[tuple[str, str]] = Counter()
    silent = []
    for number, source in enumerate(files):
        text = source.read_text("utf-8")
        tree = tomllib.loads(text)
        for mutant in mutants(text, tree, count // len(files) + 1, number, as_json=False):
            place = folder / "mutant.toml"
            place.write_bytes(mutant.text.encode("utf-8", "surrogatepass"))
            line = told_of(["models", "check", place], (11,))
            tally["structural" if mutant.key else "textual", "sound" if line is None else "refused"] += 1
            if line is None:
                yield place
            elif not ("mutant.toml" in line and names_key(line, mutant, tree)):
                silent.append((mutant.what, mutant.key, line))
    assert silent == []
    assert sum(tally.values()) >= count
    print(f"\n{kind}: {dict(tally)}")


@pytest.fixture
def beside(tmp_path):
    """A folder with what shipped specs name beside themselves."""
    for table in models_folder().glob("*.csv"):
        (tmp_path / table.name).write_bytes(table.read_bytes())
    return tmp_path


@pytest.mark.slow
def test_a_damaged_spec_is_read_or_refused_by_file_and_key(beside):
    for place in fuzzed("specs", MODELS, beside, count=700):
        with limit(SECONDS):
            spec = ltv.load_spec(place)
            try:
                resolved = spec.resolved(time_unit="day", spend_unit=20.0, groups=["channel"])
            except ltv.SpecError:  # the groups contradict something else
                continue
        stored = json.loads(json.dumps(resolved.to_dict(), allow_nan=False))
        assert ltv.ModelSpec.from_dict(stored) == resolved


@pytest.mark.slow
def test_a_damaged_decision_is_read_or_refused_by_file_and_key(tmp_path, small_fit, small_summary):
    few = small_summary.head(40)
    few.attrs = dict(small_summary.attrs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        ltv.decide(small_fit, few, ltv.load_decision("retention"), seed=1, draws=20)  # compiles kernels
    used: Counter[str] = Counter()
    broken = []
    for place in fuzzed("decisions", DECISIONS, tmp_path, count=700):
        if not isinstance(load_any(place), ltv.DecisionSpec):
            continue  # cut short before the first section, which is a model with nothing but defaults
        decision = ltv.load_decision(place)
        assert ltv.DecisionSpec.from_dict(json.loads(json.dumps(decision.to_dict()))) == decision
        ask = ltv.decide if decision.actions else ltv.score
        try:
            with limit(SECONDS), warnings.catch_warnings():
                warnings.simplefilter("ignore", ltv.BayesltvWarning)
                ask(small_fit, few, decision, seed=1, draws=20)
            used["used"] += 1
        except ltv.BayesltvError as error:
            used[type(error).__name__] += 1
        except Exception as error:
            broken.append((repr(error), place.read_text("utf-8")))
            used["broken"] += 1
    assert broken == []
    print(f"sound decisions: {dict(used)}")


# --------------------------------------------------------------------- JSON that commands left and read again


def judged(what: str, tree: dict, count: int, seed: int, use: Callable[[Mutant], str | None]) -> None:
    """Use mutants of a JSON text; each is refused with a message, or used all the same."""
    tally: Counter[tuple[str, str]] = Counter()
    for mutant in mutants(json.dumps(tree), tree, count, seed, as_json=True):
        line = use(mutant)
        tally["structural" if mutant.key else "textual", "used" if line is None else "refused"] += 1
    assert sum(tally.values()) >= count
    print(f"\n{what}: {dict(tally)}")


REFUSED = (10, 11, 12, 13, 14, 15)
SCORED = ("--decision", "retention", "--draws", "20")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spec", "checks", "sampler", "versions", "observation_end", "time_unit"])
def test_a_fit_with_damaged_attributes_is_read_or_refused(name, tmp_path, small_fit, small_summary):
    """As a fit of an earlier layout has them, without a digest to find the damage by."""
    few = small_summary.head(40)
    few.attrs = {name: value for name, value in small_summary.attrs.items() if name != "fingerprint"}
    few.to_parquet(tmp_path / "few.parquet", index=False)
    stored = str(small_fit.attrs.get(name, ""))
    tree = {name: json.loads(stored) if stored.startswith(("{", "[")) else stored}
    whole = {key: value for key, value in small_fit.attrs.items() if key != "digest"} | {"format": 1}

    def use(mutant: Mutant) -> str | None:
        try:
            changed = json.loads(mutant.text)
            value = changed[name]
        except (ValueError, RecursionError, KeyError, TypeError):
            changed, value = None, mutant.text
        if isinstance(changed, dict) and not isinstance(value, str):
            value = json_text(value)
        tree = xr.DataTree.from_dict({node.path: node.to_dataset() for node in small_fit.subtree})
        tree.attrs = {**whole, name: value.replace("\0", "")[:200_000].encode("utf-8", "replace").decode()}
        tree.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
        place = [tmp_path / "fit.nc", tmp_path / "few.parquet", *SCORED, "--out", tmp_path / "scores.csv"]
        line = told_of(["score", *place], REFUSED)
        return line or told_of(["check", tmp_path / "fit.nc"], REFUSED)

    judged(f"fit: {name}", tree, 90, len(name), use)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["scores.manifest.json", "parts/_run.json", "parts/_manifest.json",
                                   "parts/_records/part-00000.json", "plan/plan.manifest.json"])  # fmt: skip
def test_a_damaged_manifest_or_record_is_read_or_refused(place, tmp_path, world):
    fit, summary = world / "fit.nc", world / "summary.parquet"
    score = ["score", fit, summary, *SCORED, "--out"]
    made = {"scores": [*score, tmp_path / "scores.csv"], "parts": [*score, tmp_path / "parts"],
            "plan": ["decide", fit, summary, *SCORED, "--out", tmp_path / "plan"]}  # fmt: skip
    kind = place.split("/")[0].split(".")[0]
    assert told_of(made[kind], ()) is None
    content = (tmp_path / place).read_text("utf-8")
    shown = ["--plan", tmp_path / "plan"] if kind == "plan" else ["--scores", made[kind][-1]]
    report = ["report", fit, *shown, "--out", tmp_path / "report.html"]
    again = made["parts"] if place.startswith(("parts/_run", "parts/_records")) else report

    def use(mutant: Mutant) -> str | None:
        (tmp_path / place).write_bytes(mutant.text.encode("utf-8", "surrogatepass"))
        line = told_of(again, REFUSED)
        (tmp_path / place).write_text(content, "utf-8")
        return line

    judged(place, json.loads(content), 60, len(place), use)


@pytest.mark.slow
def test_a_summary_with_damaged_attributes_is_read_or_refused(tmp_path, world):
    table = pq.read_table(world / "summary.parquet")
    metadata = dict(table.schema.metadata)
    tree = json.loads(metadata[b"pandas"])

    def use(mutant: Mutant) -> str | None:
        metadata[b"pandas"] = mutant.text.encode("utf-8", "surrogatepass")
        pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "summary.parquet")
        place = [world / "fit.nc", tmp_path / "summary.parquet", *SCORED, "--out", tmp_path / "scores.csv"]
        return told_of(["score", *place], REFUSED)

    judged("summary attributes", {"attributes": tree["attributes"], **tree}, 120, 7, use)


@pytest.mark.slow
def test_a_damaged_table_of_events_is_read_or_refused(beside):
    (beside / "spec.toml").write_bytes((models_folder() / "clock_events.toml").read_bytes())
    table = next(beside.glob("*.csv"))
    rng, text, tally = random.Random(3), table.read_text("utf-8"), Counter()
    for _ in range(200):
        table.write_bytes(textual(text, rng)[0].encode("utf-8", "surrogatepass"))
        line = told_of(["models", "check", beside / "spec.toml"], (11,))
        assert line is None or table.name in line or "clock" in line, line
        tally["used" if line is None else "refused"] += 1
    print(f"\nevents: {dict(tally)}")
