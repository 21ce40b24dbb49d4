"""Every database of the papers, written in its published layout, reads back as it was written."""

import pandas as pd
import pytest

from mecore.data.check import check_database
from mecore.data.database import open_database
from mecore.data.manifest import known_manifests, load_manifest
from tests.lookalikes import casme_family as casme
from tests.lookalikes import others
from tests.lookalikes.paint import number_of

WRITERS = [
    ("casme", casme.casme), ("casme2", casme.casme2), ("casme2", casme.casme2_selected),
    ("casme2", casme.casme2_cropped), ("cas_me_2", casme.cas_me_2),
    ("cas_me_2", casme.cas_me_2_videos), ("cas_me_3_a", casme.cas_me_3_a),
    ("cas_me_3_a_me", casme.cas_me_3_a_me), ("cas_me_3_c", casme.cas_me_3_c),
    ("smic_hs", others.smic_hs), ("smic_vis", others.smic_vis), ("smic_nir", others.smic_nir),
    ("smic_hs", others.smic_cropped), ("smic_e_hs", others.smic_e_hs),
    ("smic_e_vis", others.smic_e_vis), ("smic_e_nir", others.smic_e_nir), ("samm", others.samm),
    ("samm", others.samm_without_preamble), ("samm_lv", others.samm_lv), ("mmew", others.mmew),
    ("4dme", others.four_dme), ("4dme", others.four_dme_flat), ("meview", others.meview),
    ("megc2019_flow", others.megc2019_flow), ("phantom-short", others.phantom_short),
    ("phantom-long", others.phantom_long),
]  # fmt: skip
IDS = [f"{name}-{writer.__name__}" for name, writer in WRITERS]


def test_every_manifest_has_a_lookalike():
    assert {name for name, _ in WRITERS} == set(known_manifests())


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=IDS)
def test_a_lookalike_reads_back_as_it_was_written(tmp_path, name, write):
    truth = write(tmp_path)
    database = open_database(name, tmp_path)
    samples = database.samples
    assert len(samples) == len(truth)
    for t in truth:
        row = one_row(database, t)
        source = database.frames(row.subject, row.video)
        assert number_of(source.read(row.onset)) == t.onset
        assert number_of(source.read(row.offset)) == t.offset
        assert (t.apex is None) == (row.apex is pd.NA)
        if t.apex is not None:
            assert number_of(source.read(row.apex)) == t.apex
    assert sorted(database.classes(samples).fillna("").unique()) == sorted(
        {database.manifest.class_of.get(t.emotion, "") for t in truth}
    )


def one_row(database, truth):
    """The sample of a truth, found by all but its frames, of which the offset decides."""
    s = database.samples
    same = s[(s.subject == truth.subject) & (s.video == truth.video) & (s.kind == truth.kind)
             & (s.emotion == truth.emotion)]  # fmt: skip
    source = database.frames(truth.subject, truth.video)
    (row,) = [r for r in same.itertuples() if number_of(source.read(r.offset)) == truth.offset]
    return row


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=IDS)
def test_a_check_finds_nothing_wrong_with_a_lookalike_but_its_size(tmp_path, name, write):
    write(tmp_path)
    manifest = load_manifest(name)
    report = check_database(manifest, tmp_path, deep=True)
    short = report.counts[report.counts.found < report.counts.expected.fillna(0)]
    real = manifest.confidence == "checked on a real file"
    size = [f"{row.what}: {row.found} of {row.expected}" for row in short.itertuples()]
    assert [p.what for p in report.problems] == size * real
    assert report.usable != bool(size * real)


def test_the_edition_and_the_form_of_a_copy_are_recognised(tmp_path):
    for write, form, edition in (
        (casme.casme2, "full recordings", "labels of 2014"),
        (casme.casme2_selected, "selected clips", "labels of 2019"),
        (casme.casme2_cropped, "cropped faces", "label version 2"),
    ):
        write(tmp_path / form)
        scan = check_database(load_manifest("casme2"), tmp_path / form).scan
        assert (scan.manifest.layout.name, scan.reading.edition.edition) == (form, edition)


def test_the_root_may_be_the_folder_that_holds_the_subjects(tmp_path):
    root = tmp_path / "CASME2_RAW_selected"
    casme.casme2_selected(tmp_path)
    (tmp_path / "CASME2-coding-20190701.xlsx").rename(root / "CASME2-coding-20190701.xlsx")
    assert len(open_database("casme2", root).samples) == 3


def test_a_database_nested_in_folders_is_found(tmp_path):
    casme.casme2_selected(tmp_path / "from" / "the" / "archive")
    assert len(open_database("casme2", tmp_path).samples) == 3


def test_what_a_rule_of_the_manifest_did_is_told(tmp_path):
    others.smic_e_hs(tmp_path)
    report = check_database(load_manifest("smic_e_hs"), tmp_path)
    told = " ".join(n.what for n in report.notes)
    assert "interval 3 (99 to 120) lies outside its clip, or repeats another; left out" in told
    assert report.scan.reading.corrections.status.tolist() == ["applied"]
    assert len(report.scan.reading.rows) == 3  # a second expression is no row of its own


def test_frames_that_the_camera_dropped_are_passed_over_and_counted(tmp_path):
    casme.cas_me_3_a(tmp_path)
    report = check_database(load_manifest("cas_me_3_a"), tmp_path)
    told = " ".join(n.what for n in report.notes)
    assert "3 frames are missing: 14, 21, 22" in told
    assert "1 expressions begin, peak or end at a frame that is missing" in told


def test_videos_without_a_row_are_told(tmp_path):
    casme.casme2(tmp_path)
    report = check_database(load_manifest("casme2"), tmp_path)
    assert any("1 videos have no row" in n.what and "EP02_07" in n.what for n in report.notes)
