"""SMIC, SAMM, MMEW, 4DME, MEVIEW, the flow features and the phantoms in small."""

import csv

from tests.lookalikes.paint import Truth, frames, sheet, video


def _smic(root, edition):
    raw = root / "SMIC_all_raw" / edition
    frames(raw / "s1" / "micro" / "negative" / "s1_ne_01", "image{n:06d}.bmp", range(34208, 34220))
    frames(raw / "s1" / "non_micro" / "s1_non_01", "image{n:06d}.bmp", range(3, 6))
    frames(raw / "s20" / "micro" / "surprise" / "s20_sur_02", "image{n:06d}.bmp",
           range(17581039, 17581050))  # fmt: skip
    return [Truth("01", "s1_ne_01", 34208, None, 34219, "negative"),
            Truth("20", "s20_sur_02", 17581039, None, 17581049, "surprise")]  # fmt: skip


def smic_hs(root):
    return _smic(root, "HS")


def smic_vis(root):
    return _smic(root, "VIS")


def smic_nir(root):
    return _smic(root, "NIR")


def smic_cropped(root):
    """Cropped clips lack an image here and there."""
    clip = root / "SMIC_all_cropped" / "HS" / "s3" / "micro" / "positive" / "s3_po_08"
    frames(clip, "reg_image{n:06d}.bmp", [900, 901, 904, 905])
    (clip.parents[3] / "s18" / "micro" / "surprise" / "s18_sur_03").mkdir(parents=True)  # empty
    return [Truth("03", "s3_po_08", 900, None, 905, "positive")]


LONG_HEADER = ["Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F",
               "Offset3F", None, "FirstF", "LastF", "TotalMF1", "TotalMF2", "TotalMF3", "TotalVL",
               "Emotion"]  # fmt: skip


def _clip(root, edition, subject, name, numbers, blank=""):
    folder = root / "SMIC-E_raw image" / f"{edition}_long" / f"SMIC-{edition}-E" / subject / name
    frames(folder, "image" + blank + "{n}.jpg", numbers)


def smic_e_hs(root):
    _clip(root, "HS", "s20", "s20_ne_01", range(17581030, 17581060))
    _clip(root, "HS", "s03", "s3_ne_02", range(1000, 1060))
    _clip(root, "HS", "s18", "s18_sur_03", range(500, 540))
    n = None
    sheet(root / "SMIC-HS-E_annotation.xlsx", {"HS": [
        LONG_HEADER,
        [20, "s20_ne_01", n, 17581039, 17581055, n, n, n, n, n, 17581030, 17581059, 17, n, n, 30,
         "negative"],
        # a second expression, and a third one that lies outside the clip
        [3, "s3_ne_02", n, 1005, 1015, 1030, 1040, 99, 120, n, 1000, 1059, 11, 11, n, 60,
         "negative"],
        [18, "s18_sur_03", n, 520, 530, 520, 530, n, n, n, 500, 539, 11, n, n, 40, "negative"],
        [n] * 17,
        [n, n, n, n, n, n, n, n, n, n, n, n, "mean", n, n, 43.3, n],
    ]})  # fmt: skip
    return [Truth("20", "s20_ne_01", 17581039, None, 17581055, "negative"),
            Truth("03", "s3_ne_02", 1005, None, 1015, "negative"),
            Truth("03", "s3_ne_02", 1030, None, 1040, "negative"),
            Truth("18", "s18_sur_03", 520, None, 530, "surprise")]  # fmt: skip


def _smic_e(root, edition, blank):
    _clip(root, edition, "s11", "s11_po_01", range(400, 430), blank)
    columns = [i for i, name in enumerate(LONG_HEADER) if name not in (
        "Onset3F", "Offset3F", "LastF", "TotalMF3")]  # fmt: skip
    row = [11, "s11_po_01", None, 407, 415, None, None, None, None, None, 400, 429, 9, None, None,
           30, "positive"]  # fmt: skip
    pages = [[r[i] for i in columns] for r in (LONG_HEADER, row)]
    sheet(root / f"SMIC_{edition}_E_annotation.xlsx", {edition: pages})
    return [Truth("11", "s11_po_01", 407, None, 415, "positive")]


def smic_e_vis(root):
    return _smic_e(root, "VIS", " ")


def smic_e_nir(root):
    return _smic_e(root, "NIR", "")


SAMM_HEADER = ["Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame",
               "Offset Frame", "Duration", "Micro", "Action Units", "Estimated Emotion",
               "Objective Classes", "Notes"]  # fmt: skip
SAMM_ROWS = [
    ["006", "006_1_2", 1, 5562, 5570, 5580, "=SUM(F15-D15)+1", "Micro - 1/2", "4+7", "Anger", 3,
     None],
    ["028", "028_4_1", 4, 1100, 1143, 1134, "=1", "Micro - 1/2", "R1 or 2", "Surprise", 2,
     "unsure"],
]  # fmt: skip


def _samm_sheet(root, preamble):
    title = [["SAMM Micro-Movements"], *([] for _ in range(preamble - 1))] if preamble else []
    rows = [*title, SAMM_HEADER, *SAMM_ROWS]
    sheet(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": rows})
    return [Truth("006", "006_1_2", 5562, 5570, 5580, "anger"),
            Truth("028", "028_4_1", 1100, 1113, 1134, "surprise")]  # fmt: skip


def samm(root):
    frames(root / "SAMM" / "006" / "006_1_2", "006_{n:05d}.jpg", range(5562, 5581))
    frames(root / "SAMM" / "028" / "028_4_1", "028_{n:04d}.jpg", range(1100, 1135))
    return _samm_sheet(root, 13)


def samm_without_preamble(root):
    frames(root / "SAMM_CROP" / "006" / "006_1_2", "006_{n:05d}.jpg", range(5562, 5581))
    frames(root / "SAMM_CROP" / "028" / "028_4_1", "028_{n:04d}.jpg", range(1100, 1135))
    return _samm_sheet(root, 0)


def samm_lv(root):
    videos = root / "SAMM_longvideos"
    frames(videos / "006_1", "006_1_{n:04d}.jpg", range(1, 60))
    frames(videos / "007_3", "007_3_{n:05d}.jpg", range(1, 20))
    frames(videos / "012_4", "012_4_{n:04d}.jpg", range(1, 12))
    _samm_sheet(root, 13)
    header = ["Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration",
              "Type", "Action Units", "Notes"]  # fmt: skip
    rows = [
        ["006", "006_1_1", 1, 3.0, -1, 20.0, "=1", "Macro", "12", None],
        ["006", "006_1_2", 1, 30.4, 36.0, 41.0, "=1", "Micro - 1/2", "4+7", None],
        ["007", "007_3_1", 3, 2, 5, 9, "=1", "Micro - 1/2", "1", None],
        ["012", "012_4_1", 4, 0, 0, 5052, "=1", "Macro", "26", None],
    ]
    pages = {"FACS_Movement_Only": [["SAMM Long Videos"], *([] for _ in range(8)), header, *rows]}
    sheet(root / "SAMM_LongVideos_V2_Release.xlsx", pages)
    return [Truth("006", "006_1", 3, None, 20, "unlabelled", "macro"),
            Truth("006", "006_1", 30, 36, 41, "anger"),
            Truth("007", "007_3", 2, 5, 9, "unlabelled")]  # fmt: skip


def mmew(root):
    micro = root / "MMEW_Final" / "Micro_Expression"
    frames(micro / "anger" / "S13-07-001", "{n}.jpg", range(1, 21))
    frames(micro / "repression" / "S02-03-004", "{n}.jpg", range(1, 16))
    frames(root / "MMEW_Final" / "Macro_Expression" / "S01" / "anger" / "S01-07-001", "{n}.jpg",
           range(1, 4))  # fmt: skip
    sheet(root / "MMEW_Micro_Exp.xlsx", {"Sheet1": [
        ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units",
         "Estimated Emotion", "remarks"],
        [13, "S13-07-001", 2, 9, 18, 4, "anger", None],
        [2, "S02-03-004", 1, 40, 25, "14", "others", "wrong apex and offset"],
    ]})  # fmt: skip
    return [Truth("13", "S13-07-001", 2, 9, 18, "anger"),
            Truth("02", "S02-03-004", 1, None, 15, "others")]  # fmt: skip


def _4dme_sheet(root):
    sheet(root / "4DME_Labelling_Micro_release v1.xlsx", {"Sheet1": [
        ["sub_ID", "fold", "fold_name", "Onset", "Apex", "Offset", "AUs", "Emotion", "eye blink",
         "Positive", "Negative"],
        [13, 1, "S13_1st_001_01_1", 104, 110, 118, "AU4(k)+L7", "Negative", 0, 0, 1],
        [2, 1, "S02_1st_004_02_1", 31, 33, 40, "AU12", "Surprise+Positive", 0, 1, 0],
    ]})  # fmt: skip
    return [Truth("13", "S13_1st_001_01_1", 104, 110, 118, "negative"),
            Truth("02", "S02_1st_004_02_1", 31, 33, 40, "surprise+positive")]  # fmt: skip


def four_dme(root):
    for subject, clip, numbers in (("S13", "S13_1st_001_01_1", range(100, 121)),
                                   ("S02", "S02_1st_004_02_1", range(30, 42))):  # fmt: skip
        frames(root / "gray_micro" / subject / clip, "{n}.jpg", numbers)
    return _4dme_sheet(root)


def four_dme_flat(root):
    frames(root / "gray_micro" / "S13_1st_001_01_1", "{n:05d}.png", range(100, 121))
    frames(root / "gray_micro" / "S02_1st_004_02_1", "{n:05d}.png", range(30, 42))
    return _4dme_sheet(root)


def meview(root):
    video(root / "me-cuts" / "cuts" / "sub01-1.mp4", 40, "mp4v")
    video(root / "me-cuts" / "cuts" / "sub16-2.mp4", 30, "mp4v")
    upper = [None] * 20
    upper[2], upper[10] = "Coder A", "FINAL"
    lower = ["Subject", "ID", *(["Onset", "Offset"] * 9)]
    rows = []
    for subject, number, onset, offset, emotion in ((1, 1, 11, 24, "contempt/disgust"),
                                                    (16, 2, 5, 9, "happy")):  # fmt: skip
        row = [subject, number, *([7] * 18)]
        row[10], row[14], row[19] = onset, offset, emotion
        rows.append(row)
    sheet(root / "MEVIEW_v2.xlsx", {"Sheet1": [upper, lower, *rows]})
    return [Truth("01", "sub01-1", 11, None, 24, "contempt/disgust"),
            Truth("16", "sub16-2", 5, None, 9, "happy")]  # fmt: skip


def megc2019_flow(root):
    rows = [("casme2", "sub01", "sub01_EP02_01f", "positive"),
            ("samm", "006", "006_006_1_2", "negative"),
            ("smic", "s01", "s01_s01_ne_01", "negative")]  # fmt: skip
    for number, row in enumerate(rows, 1):
        frames(root / "images", row[2] + ".png", [number])
    with (root / "index.csv").open("w", newline="") as handle:
        table = [(*r, f"images/{r[2]}.png", "0" * 64) for r in rows]
        header = ("database", "subject", "sample", "emotion", "path", "sha256")
        csv.writer(handle).writerows([header, *table])
    return [Truth(r[1], r[2], n, None, n, r[3]) for n, r in enumerate(rows, 1)]


def phantom_short(root):
    frames(root / "frames" / "sub01" / "EP01_1", "img{n}.jpg", range(1, 31))
    header = ["Subject", "Filename", "", "OnsetFrame", "ApexFrame", "OffsetFrame", "",
              "Action Units", "Estimated Emotion"]  # fmt: skip
    row = ["01", "EP01_1", "", 6, 12, 20, "", "4+L10", "disgust"]
    sheet(root / "phantom-short-coding.xlsx", {"Sheet1": [header, row]})
    return [Truth("01", "EP01_1", 6, 12, 20, "disgust")]


def phantom_long(root):
    video(root / "rawvideo" / "s15" / "15_0101teeth.avi", 40, "MJPG")
    coding = [[1, "disgust1_1", 6, 12, 20, "4", "negative", "micro-expression", "disgust"]]
    sheet(root / "phantom-long-coding.xlsx", {
        "coding": coding, "naming rule1": [[15, "s15", 1]],
        "naming rule2": [["disgust1", "0101teeth"]],
    })  # fmt: skip
    return [Truth("15", "0101teeth", 6, 12, 20, "negative")]
