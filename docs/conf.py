"""The site: `make docs`. Reference pages are written from the code, the gallery from notebooks that ran."""

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from reference_pages import write_pages  # noqa: E402

project, author, language = "bayesltv", "bayesltv", "en"
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx_design"]
exclude_patterns = ["make_*.py", "reference_pages.py", "conf.py"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_toc_level": 2, "navigation_with_keys": False, "footer_start": ["copyright"],
    "header_links_before_dropdown": 3,
}  # fmt: skip
html_title = "bayesltv"
html_static_path, html_css_files = ["_static"], ["site.css"]
html_show_sphinx = False
html_show_sourcelink = False
html_sidebars = {"**": []}  # one level of pages: the header has them all
html_context = {"default_mode": "auto"}
copyright = "the authors of bayesltv, Apache-2.0"
nb_execution_mode = "off"  # notebooks come with their outputs: `make notebooks`
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"
suppress_warnings = ["myst.header"]

write_pages(HERE)


def _without_outside(_app: object, _name: str, source: list[str]) -> None:
    """Name files of the repository that are no page of the site; only pages are linked."""
    text = source[0].replace("](../benchmarks/README.md)", "](benchmarks.md)")
    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./([^)]+)\)", r"\1 (`\2`)", text)


def setup(app: Any) -> None:  # noqa: ANN401
    """Connect what pages are read through."""
    app.connect("source-read", _without_outside)
