"""What the pages show is what rillet gives."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_the_drawings_are_of_real_results():
    draw, page = runpy.run_path(str(DOCS / "draw.py")), (DOCS / "windows.md").read_text()
    assert len(draw["PIECE"].findall(page)) == page.count("## ") == 9
    assert draw["drawn"](page) == page, "python docs/draw.py makes them anew"
