"""Write the tables of ``README.md`` anew from the JSON files that the benchmarks left.

``python benchmarks/tables.py [FOLDER]``: for every FILE.json in the folder (default ``results`` beside this
script) the part of README.md between ``<!-- FILE -->`` and ``<!-- /FILE -->`` becomes its table. What the
numbers say is written by hand, below.
"""

import json
import re
import sys
from pathlib import Path

import common

HERE = Path(__file__).parent


def section(made):
    """Return the Markdown of one benchmark: its table (or text), and where it was measured."""
    title = f"{made['title']}\n\n" if made.get("title") else ""
    table = f"```\n{made['text'].rstrip()}\n```" if "text" in made else common.markdown(made)
    return f"{title}{table}\n\n{common.described_machine(made)}."


def written(text, name, content):
    """Return `text` with what stands between the marks of `name` replaced."""
    marked = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    if not marked.search(text):
        sys.exit(
            f"README.md has no marks <!-- {name} --> and <!-- /{name} -->: add them where it should stand"
        )
    return marked.sub(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", text)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results"
    readme = HERE / "README.md"
    text = readme.read_text(encoding="utf-8")
    for path in sorted(folder.glob("*.json")):
        text = written(text, path.stem, section(json.loads(path.read_text(encoding="utf-8"))))
        print(f"{path.name} -> {readme.name}")
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
