"""What `make bench` keeps is what the page «How fast» shows."""

import re

import numpy as np
import pandas as pd
import pytest

from benchmarks import common
from benchmarks.__main__ import BENCHMARKS, main
from mecore.data.places import shared_folder

BOOK = shared_folder("book")
CURVE = pd.DataFrame({"fast": [1.0, 4.0], "slow": [30.0, np.nan]}, index=[64, 128])
RESULT = common.Result("cost", "Cost", CURVE.rename_axis("side"), curve=True)


def test_a_table_is_printed_and_kept_with_its_curves(tmp_path, capsys):
    common.show(RESULT)
    assert "|64|1|30|" in capsys.readouterr().out
    common.keep(RESULT, tmp_path)
    first = (tmp_path / "cost.svg").read_bytes()
    assert (tmp_path / "cost.csv").read_text() == "side,fast,slow\n64,1,30\n128,4,–\n"
    common.keep(RESULT, tmp_path)
    assert (tmp_path / "cost.svg").read_bytes() == first


def test_each_benchmark_keeps_the_machine_it_ran_on(tmp_path):
    common.keep_machine("flow", {"processor": "a", "cores": 2}, tmp_path)
    common.keep_machine("analyze", {"processor": "b", "cores": 4}, tmp_path)
    common.keep_machine("flow", {"processor": "c", "cores": 8}, tmp_path)
    table = pd.read_csv(tmp_path / common.MACHINES, index_col=0, dtype=str)
    assert table.to_dict("index") == {
        "flow": {"processor": "c", "cores": "8"}, "analyze": {"processor": "b", "cores": "4"}
    }  # fmt: skip


def test_the_pages_show_only_what_was_measured_on_a_known_machine():
    pages = [(BOOK / name).read_text(encoding="utf-8") for name in ("how_fast.md", "cluster.md")]
    shown = re.findall(r"measured/([\w.-]+)", "".join(pages))
    assert shown
    assert [name for name in shown if not (BOOK / "measured" / name).is_file()] == []
    machines = pd.read_csv(BOOK / "measured" / common.MACHINES, index_col=0)
    assert set(machines.index) == set(BENCHMARKS)


def test_an_unknown_benchmark_is_refused_with_the_known_ones(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "flaw"])
    with pytest.raises(SystemExit):
        main()
    assert "no benchmark flaw; known: phantom, flow" in capsys.readouterr().err
