"""PyTensor's compiled graphs are told apart by the kernels that are in them."""

import bayesltv.families
from bayesltv.model import kernel_version as k


def test_any_change_of_a_kernel_changes_the_version(tmp_path, monkeypatch):
    class Room:
        __path__ = (str(tmp_path),)

    file = tmp_path / "kernel.py"
    monkeypatch.setattr(k, "_ROOMS", (Room,))
    found = []
    for text in ("x = 1\n", "x = 2\n", "x = 1\n"):
        file.write_text(text)
        k.kernel_version.cache_clear()
        found.append(k.kernel_version())
    k.kernel_version.cache_clear()
    assert found[0] == found[2] != found[1]


def test_the_rooms_are_those_of_the_kernels():
    assert bayesltv.families in k._ROOMS
    assert k.kernel_version() == k.kernel_version() > 0
