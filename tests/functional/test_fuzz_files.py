"""Files that people write, damaged in a thousand ways: each is read or refused, by file and key, in no time.

Seeds are fixed, so that the mutants are the same in every run. ``pytest -s`` prints how many were refused.
"""

import json
import signal
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

import bayesltv as ltv
from bayesltv.cli.app import app
from bayesltv.spec.catalogue import load_any, models_folder
from mutants import Mutant, mutants, places

SECONDS = 60.0
"""A mutant takes milliseconds, or under a second where customers are scored; other work may be going on."""
LONGEST = 2_200
"""Characters of a message: 2,000 and what stands around them."""


class Hung(BaseException):
    """Nothing came back in time."""


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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
