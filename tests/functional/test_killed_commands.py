"""Every command killed before each rename and at random moments, and run again: see `killed_commands`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import killed_commands


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_command_that_is_killed_leaves_old_or_new_outputs_and_the_next_run_mends_it():
    script = Path(killed_commands.__file__)
    folders = os.pathsep.join(filter(None, [str(script.parent), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(script), "--seed", "1"], text=True, check=False, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": folders}, timeout=1800,
    )  # fmt: skip
    told = json.loads(done.stdout)
    print(done.stdout)
    assert told["faults"] == []
    assert told["kills"] >= 60
    for name in killed_commands.COMMANDS:
        assert [each for each in told["counts"] if each.startswith(f"{name}: killed")], name
