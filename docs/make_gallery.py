"""Run the notebooks once and keep them with their outputs: ``python docs/make_gallery.py notebooks/*.py``.

A notebook is left as it is where neither its text nor the package has changed since it ran.
"""

import os
import sys
import time
from hashlib import sha256
from pathlib import Path

import jupytext
import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient

BUILT = Path("build/notebooks")


def run(source: Path, package: bytes) -> None:
    """Run a notebook, unless it ran as it is."""
    digest = sha256(source.read_bytes() + package).hexdigest()
    target = BUILT / f"{source.stem}.ipynb"
    if target.exists() and nbformat.read(target, as_version=4).metadata.get("source") == digest:
        print(f"{source}: as it ran before")
        return
    began = time.perf_counter()
    notebook = jupytext.read(source)
    kernel = AsyncKernelManager(kernel_name="python3", transport="ipc")
    NotebookClient(notebook, timeout=600, km=kernel).execute()
    notebook.metadata["source"] = digest
    nbformat.write(notebook, target)
    print(f"{source}: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    os.environ.pop("MPLBACKEND", None)  # the kernel's own keeps pictures in the page
    BUILT.mkdir(parents=True, exist_ok=True)
    code = b"".join(path.read_bytes() for path in sorted(Path("src").rglob("*.py")))
    for old in BUILT.glob("*.ipynb"):
        if Path("notebooks", f"{old.stem}.py") not in map(Path, sys.argv[1:]):
            old.unlink()
    for path in sys.argv[1:]:
        run(Path(path), code)
