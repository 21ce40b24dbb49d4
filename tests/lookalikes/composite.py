"""Tables of SMIC-HS, CASME II and SAMM with as many rows of each emotion as the real ones."""

from itertools import cycle

import cv2
import numpy as np

from tests.lookalikes.casme_family import CASME2_HEADER
from tests.lookalikes.others import SAMM_HEADER
from tests.lookalikes.paint import sheet

SMIC_SUBJECTS = [1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20]
CASME2_COUNTS = {"others": 99, "disgust": 61, "happiness": 32, "repression": 27, "surprise": 25,
                 "sadness": 7, "fear": 2}  # fmt: skip
SAMM_COUNTS = {"Anger": 57, "Happiness": 26, "Other": 25, "Surprise": 15, "Contempt": 12,
               "Disgust": 9, "Fear": 8, "Sadness": 6}  # fmt: skip


def smic_hs(root):
    """164 clips of one image each: 70 negative, 51 positive, 43 surprise."""
    one = np.zeros((4, 4, 3), np.uint8)
    classes = (("negative", "ne", 70), ("positive", "po", 51), ("surprise", "sur", 43))
    for emotion, short, n in classes:
        for number, subject in zip(range(n), cycle(SMIC_SUBJECTS), strict=False):
            clip = f"s{subject}_{short}_{number:02d}"
            folder = root / "SMIC_all_raw" / "HS" / f"s{subject}" / "micro" / emotion / clip
            folder.mkdir(parents=True)
            cv2.imwrite(str(folder / "image034208.bmp"), one)


def casme2(root, edition="20140508"):
    """255 rows; subjects 10 and 18 show nothing of the three classes."""
    shown = [n for n in range(1, 27) if n not in (10, 18)]
    rows = [["04", "EP12_01f", None, 261, "/", 263, None, "4", "disgust"],
            ["05", "EP09_05f", None, 69, 69, 71, None, "4", "disgust"]]  # fmt: skip
    counts = CASME2_COUNTS | ({"surprise": 28, "sadness": 4} if edition == "20190701" else {})
    for emotion, n in counts.items():
        subjects = cycle([10, 18, *shown] if emotion == "others" else shown)
        for number, subject in zip(range(n), subjects, strict=False):
            name = f"EP{number:02d}_{emotion}"
            rows.append([f"{subject:02d}", name, None, 46, 47, 48, None, "12", emotion])
    sheet(root / f"CASME2-coding-{edition}.xlsx", {"Sheet1": [CASME2_HEADER, *rows]})
    return rows


def casme2_clips(root):
    """All 255 selected clips, each of three small images, and two without a row."""
    rows = casme2(root)
    clips = [(f"sub{r[0]}", r[1], r[3]) for r in rows]
    for subject, clip, onset in [*clips, ("sub09", "EP02_02f", 1), ("sub24", "EP02_07", 1)]:
        folder = root / "CASME2_RAW_selected" / subject / clip
        folder.mkdir(parents=True)
        for n in range(onset, onset + 3):
            cv2.imwrite(str(folder / f"img{n}.jpg"), np.zeros((8, 8, 3), np.uint8))


def samm(root):
    """159 rows of 29 subjects; subject 025 shows nothing of the three classes."""
    shown = [n for n in range(6, 35) if n != 25]
    rows = [["025", "025_1_1", 1, 5, 6, 7, 3, "Micro - 1/2", "4", "Other", 7, None]]
    for emotion, n in SAMM_COUNTS.items():
        for number, subject in zip(range(n), cycle(shown), strict=False):
            name = f"{subject:03d}_{number}_{emotion}"
            rows.append([f"{subject:03d}", name, 1, 5562, 5588, 5632, 71, "Micro - 1/2", "4+7",
                         emotion, 3, None])  # fmt: skip
    preamble = [["SAMM"], *([] for _ in range(12))]
    sheet(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": [*preamble, SAMM_HEADER, *rows]})
