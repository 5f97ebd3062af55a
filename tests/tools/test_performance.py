"""tools/performance: the figures of the benchmarks get into docs/performance.md, losses too."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from figures.text import amount, digits, ratio  # noqa: E402

MACHINE = {"processor": "A Processor", "cores": 2, "memory": "1000000 kB", "system": "linux 6"}


def row(what: str, who: str, figure: float, **more: Any) -> dict[str, Any]:
    """A row of the form that benches/README.md describes."""
    return {
        "group": "growth",
        "what": what,
        "who": who,
        "unit": "ns",
        "figure": figure,
        "keys": 100_000,
        **more,
    }


def report(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A whole report."""
    facts = {
        "form": 1,
        "began": 1796073692,
        "full": True,
        "load": [0.1, 1.0],
        "machine": MACHINE,
        "versions": {},
    }
    return {**facts, **more, "rows": list(rows)}


class Tree:
    """A copy of the program, with a page and reports of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        (place / "tools").mkdir()
        shutil.copy(ROOT / "tools" / "performance", place / "tools" / "performance")
        shutil.copytree(ROOT / "tools" / "figures", place / "tools" / "figures")
        (place / "docs").mkdir()
        (place / "reports").mkdir()
        self.page = place / "docs" / "performance.md"

    def run(self, page: str, **reports: Any) -> tuple[int, str, str]:
        """The status, the page, and what the program said."""
        self.page.write_text(page, encoding="utf-8")
        for name, content in reports.items():
            path = self.place / "reports" / f"{name.replace('_', '-')}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, self.place / "tools" / "performance", self.place / "reports"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, self.page.read_text(encoding="utf-8"), done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def part(name: str, text: str = "") -> str:
    return f"before\n\n<!-- part {name} -->\n{text}<!-- end of {name} -->\n\nafter\n"


def test_a_part_becomes_a_table_with_the_best_of_each_line_in_bold(tree: Tree) -> None:
    status, page, said = tree.run(
        part("peers", "\nold\n\n"),
        growth=report(
            row("get", "ours", 443.2),
            row("get", "redb", 1181.4),
            row("put", "ours", 6416.9),
            row("put", "redb", 1978.0, note="forgets"),
            row("get", "ours", 1.0, keys=1_000),
            row("range", "ours", 104.0),
            row("range", "redb", 100.0, note="forgets"),
        ),
    )
    assert status == 0, said
    assert page.startswith("before\n\n<!-- part peers -->\n\n|") and page.endswith(
        "<!-- end of peers -->\n\nafter\n"
    )
    assert "| get | **443 ns** | 1.18 µs |" in page
    assert "| put | 6.42 µs | **1.98 µs** |" in page
    # Less than 5 % is no difference.
    assert "| range | **104 ns** | **100 ns** |" in page
    assert "not the fastest in 1 of 3 lines: put (3.24 × redb)." in page
    assert "- redb: forgets." in page
    assert (
        "*Measured on 2026-11-30 in the full form; load 0.1 before and 1.0 after, on 2 processors.*" in page
    )
    assert "old" not in page


def test_a_busy_machine_and_the_quick_form_are_named(tree: Tree) -> None:
    _, page, _ = tree.run(
        part("peers"), growth=report(row("get", "ours", 1), full=False, load=[3.2, 3.0], bench="growth")
    )
    assert "in the quick form; load 3.2 before" in page
    assert "Other programs used the machine." in page


def test_a_part_without_a_report_stays(tree: Tree) -> None:
    text = part("memory", "\nfigures of last year\n\n")
    status, page, said = tree.run(text, growth=report(row("get", "ours", 1)))
    assert (status, page) == (0, text)
    assert "part memory stays as it was: there is no report memory" in said
    _, page, _ = tree.run(part("memory"), growth=report(row("get", "ours", 1)))
    assert "*Not measured yet.*" in page


def test_figures_and_ratios_stand_in_sentences(tree: Tree) -> None:
    get, put = "growth: get; keys=1000", "growth: put"
    status, page, said = tree.run(
        f"A get takes <!-- figure {get} -->?<!-- end -->, redb's"
        " <!-- figure growth: get; who=redb -->?<!-- end -->,\n"
        f"a put <!-- ratio {put} / {get} -->?<!-- end --> times that.\n",
        growth=report(
            row("get", "ours", 50, keys=1_000),
            row("get", "ours", 60),
            row("get", "redb", 70),
            row("put", "ours", 5_000),
        ),
    )
    assert status == 0, said
    assert page == (
        f"A get takes <!-- figure {get} -->50 ns<!-- end -->, redb's"
        " <!-- figure growth: get; who=redb -->70 ns<!-- end -->,\n"
        f"a put <!-- ratio {put} / {get} -->100<!-- end --> times that.\n"
    )


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (part("nothing"), "there is no part nothing"),
        ("<!-- part peers -->\nno end\n", "a marker of the page is not a part or a figure, or has no end"),
        ("<!-- figure growth: get -->1\n", "a marker of the page is not a part or a figure, or has no end"),
        ("<!-- figure growth: take -->1<!-- end -->\n", "growth: take: 0 rows have that"),
        ("<!-- figure growth: get -->1<!-- end -->\n", "growth: get: 2 rows have that"),
    ],
)
def test_a_wrong_marker_fails_and_writes_nothing(tree: Tree, page: str, reason: str) -> None:
    rows = row("get", "ours", 1), row("get", "ours", 2, keys=1_000)
    status, after, said = tree.run(page, growth=report(*rows))
    assert (status, after) == (2, page)
    assert reason in said
    assert not (tree.place / "docs" / "performance").exists()


def test_without_reports_it_fails(tree: Tree) -> None:
    status, _, said = tree.run(part("peers"))
    assert status == 2
    assert "there are no reports" in said


def test_a_comparison_with_one_other_shows_its_losses(tree: Tree) -> None:
    lists = [
        {
            "what": "a get",
            "reference": "renew, get",
            "unit": "ns",
            "ours": 110.0,
            "bare": 100.0,
            "goal": 1.15,
        },
        {
            "what": "bytes",
            "reference": "",
            "unit": "B",
            "who": "ours",
            "figure": 50.0,
            "bare": 100.0,
            "goal": 1.0,
        },
    ]
    rows = [
        {"name": "d[k]", "figure": 0.5, "goal": 0.6, "nanoseconds": 200.0, "reference_nanoseconds": 400.0},
        {"name": "import", "figure": 38.0, "goal": 12.0, "unit": "ms"},
    ]
    status, page, said = tree.run(
        part("lmdb") + part("python") + "<!-- figure lmdb: a get -->?<!-- end -->\n",
        lmdb=lists,
        python={"rows": rows, "quick": True, "machine": "x86_64"},
    )
    assert status == 0, said
    assert "| a get (renew, get) | 110 ns | 100 ns | **1.10** |" in page
    assert "| bytes | 50 B | 100 B | 0.50 |" in page
    assert "<!-- figure lmdb: a get -->110 ns<!-- end -->" in page
    assert "takes more in 1 of 2 lines" in page
    assert "| d[k] | 200 ns | 400 ns | 0.50 |" in page
    assert "takes more in 0 of 1 lines" in page
    assert "| import | 38 ms |" in page
    assert "in the quick form" in page


def test_a_comparison_may_name_what_the_other_does(tree: Tree) -> None:
    rows = [
        {"title": "d[k]", "reference_title": "LMDB", "ours": 632.0, "reference": 567.0, "goal": 1.3},
        {"title": "sum(d)", "reference_title": "a loop", "ours": 103.0, "reference": 100.0, "goal": None},
        {"title": "the first d[k]", "unit": "s of a process", "ours": 0.17896, "goal": 0.3},
    ]
    status, page, said = tree.run(part("julia"), julia={"julia": "1.5.3", "rows": rows})
    assert status == 0, said
    assert "| d[k] | 632 ns | 567 ns | **1.11** |" in page
    # Less than 5 % is no difference.
    assert "| sum(d) (a loop) | 103 ns | 100 ns | 1.03 |" in page
    assert "takes more in 1 of 2 lines" in page
    assert "| the first d[k] | 0.179 s of a process |" in page
    # The file does not say which form it has.
    assert " form" not in page


def plotted() -> dict[str, Any]:
    names = ("get, random keys", "put, random keys", "bulk load, random", "iterate, a record")
    growth = [
        row(what, who, figure * (3 if who == "redb" else 1), keys=keys)
        for what in names
        for who in ("ours", "redb")
        for keys, figure in ((1_000, 100.0), (100_000, 250.0))
    ]
    waits = [
        row("put", who, 1e6, threads=threads, p50=9e5, p99=2e6, histogram=[[1e6, 3], [1.5e6, 1]])
        for threads in (1, 8)
        for who in ("ours", "LMDB <&>")
    ]
    return {"growth": report(*growth), "group": report(*waits)}


def test_plots_are_valid_and_the_same_figures_make_the_same_bytes(tree: Tree) -> None:
    folder = tree.place / "docs" / "performance"
    made = []
    for _ in range(2):
        status, _, said = tree.run(part("group"), **plotted())
        assert status == 0, said
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert made[0] == made[1]
    assert set(made[0]) == {"growth.svg", "group.svg", "peers.svg"}
    for name, content in made[0].items():
        assert len(content) < 20_000, name
        drawing = ElementTree.fromstring(content)
        texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
        assert any("this library" in str(text) for text in texts), name
    assert b"LMDB &lt;&amp;&gt;" in made[0]["group.svg"]


def test_a_slower_store_lies_higher_in_the_plot(tree: Tree) -> None:
    assert tree.run(part("group"), **plotted())[0] == 0
    drawing = ElementTree.parse(tree.place / "docs" / "performance" / "growth.svg").getroot()
    panel = drawing.find("{http://www.w3.org/2000/svg}g")
    assert panel is not None
    circles = [
        (float(c.get("cx", "")), float(c.get("cy", ""))) for c in panel.iter() if c.tag.endswith("circle")
    ]
    (small, fast), (large, slower), (_, slow), _ = circles
    assert small < large
    # The y axis of SVG points down.
    assert slow < slower < fast


def test_the_page_of_this_repository_has_known_markers_and_plots(tree: Tree) -> None:
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    status, page, said = tree.run(text, other=report(row("get", "ours", 1)))
    assert status == 0, said
    assert said.count("stays as it was") > 20
    # The machine is that of the newest report, whichever it is.
    assert "A Processor, 2 processors, 1.02 GB of memory, linux 6." in page
    from figures.plots import PLOTS

    assert all(f"(performance/{name})" in text for name in PLOTS)


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (0, "0"),
        (0.1234, "0.123"),
        (1.0, "1"),
        (9.996, "10"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234.5, "1,230"),
    ],
)
def test_three_digits(figure: float, text: str) -> None:
    assert digits(figure) == text


@pytest.mark.parametrize(
    ("figure", "unit", "text"),
    [
        (999.4, "ns", "999 ns"),
        (999.6, "ns", "1 µs"),
        (1_500_000, "ns", "1.5 ms"),
        (35_160_427_003, "ns", "35.2 s"),
        (4_096, "B", "4.1 kB"),
        (12, "things", "12 things"),
    ],
)
def test_a_unit_that_fits(figure: float, unit: str, text: str) -> None:
    assert amount(figure, unit) == text


def test_a_ratio() -> None:
    assert [ratio(0.00134), ratio(0.123), ratio(9.994), ratio(1234.0)] == ["0.0013", "0.12", "9.99", "1,234"]
