"""The guard of the instruction counts: it fails where it should, and counts what it says."""

from __future__ import annotations

from pathlib import Path

import counts
import pytest
from counts import Counting, Failure, Measured, compare, compile_c, compile_counting, parse, report

TOOLS = {name: "1" for names in counts.TOOLS.values() for name in names}


def measured(tools: dict[str, str] | None = None, **by_language: dict[str, float]) -> Measured:
    return Measured({**TOOLS, **(tools or {})}, by_language)


BASELINE = measured(C={"get": 1000.0, "put": 5000.0}, Python={"d[k]": 3000.0}, Julia={"d[k]": 2000.0})


def verdicts(now: Measured, before: Measured = BASELINE) -> dict[str, str]:
    return {f"{row.language} {row.name}": row.verdict for row in compare(before, now)}


def test_the_same_counts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(BASELINE, BASELINE)
    assert set(verdicts(BASELINE).values()) == {""}
    assert capsys.readouterr().out.endswith("instructions: 4 rows hold, 0 do not\n")


@pytest.mark.parametrize(
    ("now", "verdict"), [(1030.0, ""), (1030.1, "SLOWER"), (970.0, ""), (969.9, "faster")]
)
def test_three_per_cent_is_the_bound(now: float, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    after = Measured(TOOLS, {**BASELINE.counts, "C": {"get": now, "put": 5000.0}})
    assert verdicts(after)["C get"] == verdict
    # What is faster passes, and is told.
    assert report(BASELINE, after) == (verdict != "SLOWER")
    printed = capsys.readouterr().out
    assert f"{now / 1000 - 1:+.2%}" in printed
    assert ("make bench-baseline" in printed) == bool(verdict)


def test_one_slow_row_of_any_language_fails() -> None:
    for language in BASELINE.counts:
        for name in BASELINE.counts[language]:
            row = {name: BASELINE.counts[language][name] * 1.04}
            slow = {**BASELINE.counts, language: {**BASELINE.counts[language], **row}}
            assert not report(BASELINE, Measured(TOOLS, slow)), name


def test_rows_that_come_or_go_fail() -> None:
    less = Measured(TOOLS, {**BASELINE.counts, "C": {"get": 1000.0}})
    assert verdicts(less)["C put"] == "NOT MEASURED"
    assert not report(BASELINE, less)
    assert verdicts(BASELINE, less)["C put"] == "not recorded"
    assert not report(less, BASELINE)
    nothing = Measured(TOOLS, {})
    assert not report(nothing, nothing), "nothing was compared"


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_counts_of_other_tools_are_not_compared(tool: str, capsys: pytest.CaptureFixture[str]) -> None:
    # The counts are the same, by chance, or one is better: neither says anything.
    other = Measured({**TOOLS, tool: "2"}, {**BASELINE.counts, "C": {"get": 900.0, "put": 5000.0}})
    found = verdicts(other)
    concerned = {language for language, needed in counts.TOOLS.items() if tool in needed}
    for name, verdict in found.items():
        assert (verdict == "not comparable") == (name.split()[0] in concerned), name
    assert concerned == ({tool.title()} if tool in ("python", "julia") else set(counts.TOOLS))
    assert not report(BASELINE, other)
    printed = capsys.readouterr().out
    assert f"{tool} 1, now 2" in printed
    assert "AGAINST=COMMIT" in printed


def test_what_was_recorded_has_every_row_and_tool() -> None:
    recorded = counts.recorded()
    assert set(recorded.tools) == set(TOOLS)
    assert set(recorded.counts) == set(counts.TOOLS)
    for language, source in (("C", "calls.c"), ("Python", "items.py"), ("Julia", "items.jl")):
        text = (Path(counts.HERE) / source).read_text(encoding="utf-8")
        assert recorded.counts[language]
        assert all(f'"{name}"' in text for name in recorded.counts[language])


def dump(items: int, row: str, total: int) -> str:
    """As callgrind writes it out."""
    return f"part: 1\n\ndesc: Trigger: Client Request: {items} {row}\n\nevents: Ir\ntotals: {total}\n"


def test_an_items_count_is_the_last_of_its_row() -> None:
    dumps = [dump(100, "d[k], an item", 4000), dump(200, "d[k], an item", 5000), dump(1, "put", 7)]
    assert parse([*dumps, "desc: Trigger: Program termination\ntotals: 9\n"]) == {
        "d[k], an item": 25.0,
        "put": 7.0,
    }


def test_counts_that_are_missing_are_an_error() -> None:
    with pytest.raises(Failure, match="no totals for get"):
        parse(["desc: Trigger: Client Request: 1 get\n"])


PROGRAM = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>
#include "counting.h"
static volatile int sink;
static void work(int times) { for (int i = 0; i < times; i++) sink = i; }
int main(int argc, char **argv) {
    (void)argc;
    work(atoi(argv[1]));
    for (int round = 0; round < 2; round++) {
        count_begin();
        work(100 * atoi(argv[2]));
        count_end("work", 100);
    }
    work(atoi(argv[1]));
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &before);
    clock_gettime(CLOCK_MONOTONIC_COARSE, &after);
    return (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec != 1000;
}
"""


def test_a_program_is_counted_whatever_it_does_first(tmp_path: Path) -> None:
    source = tmp_path / "program.c"
    source.write_text(PROGRAM, encoding="utf-8")
    counts.WORK.mkdir(parents=True, exist_ok=True)
    counting = str(compile_counting()[0])
    program = str(compile_c("test_program", str(source), counting, f"-Wl,-rpath,{counts.WORK}"))

    def counted(before: int, each: int) -> float:
        place = tmp_path / f"{before}-{each}"
        place.mkdir()
        return Counting([program, str(before), str(each)], place, Path("none")).rows()["work"]

    one = counted(0, 100)
    # A hundred rounds of a loop that stores: some instructions each.
    assert 200 <= one <= 800
    assert counted(5000, 100) == one
    assert counted(0, 110) == pytest.approx(one * 1.1, rel=0.01)


def test_a_program_that_fails_or_counts_nothing_is_an_error(tmp_path: Path) -> None:
    for name, command in (("fails", ["false"]), ("nothing", ["true"])):
        (tmp_path / name).mkdir()
        with pytest.raises(Failure, match="status 1" if name == "fails" else "measured nothing"):
            Counting(command, tmp_path / name, Path("none")).rows()
