"""CASME, CASME II, CAS(ME)² and CAS(ME)³ in small, as they are delivered."""

from tests.lookalikes.paint import Truth, frames, sheet, video


def casme(root):
    raw = root / "CASME_raw_selected" / "CASME_raw_selected"  # the archive nests its name
    frames(raw / "sub01" / "EP03_1", "EP03_1-{n}.jpg", range(73, 96))
    frames(raw / "sub12" / "EP08", "EP08-{n:03d}.jpg", range(8, 31))
    header = ["Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "Onset",
              "Total", "AU", "Emotion"]  # fmt: skip
    sheet(root / "casme.xlsx", {"Sheet1": [
        header,
        [1, "EP03_1", None, 73, 81, 0, 95, None, 1, 23, 4, "tense"],
        [12, "EP08", None, 8, 40, 0, 30, None, 1, 23, "4+7", "disgust"],  # apex behind the offset
    ]})  # fmt: skip
    return [Truth("01", "EP03_1", 73, 81, 95, "tense"), Truth("12", "EP08", 8, None, 30, "disgust")]


CASME2_HEADER = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None,
                 "Action Units", "Estimated Emotion"]  # fmt: skip
CASME2_ROWS = [
    ["01", "EP02_01f", None, 46, 59, 86, None, "12", "happiness"],
    ["04", "EP12_01f", None, 261, "/", 318, None, "4+L10", "disgust"],
    ["26", "EP13_01", None, 5, 9, 12, None, "?", "others"],
]
CASME2_TRUTH = [
    Truth("01", "EP02_01f", 46, 59, 86, "happiness"),
    Truth("04", "EP12_01f", 261, None, 318, "disgust"),
    Truth("26", "EP13_01", 5, 9, 12, "others"),
]


def casme2(root):
    raw = root / "CASME2-RAW" / "CASME2-RAW"
    lengths = {("01", "EP02_01f"): 90, ("04", "EP12_01f"): 320, ("26", "EP13_01"): 14}
    for (subject, clip), last in (lengths | {("24", "EP02_07"): 5}).items():
        frames(raw / f"sub{subject}" / clip, "img{n}.jpg", range(1, last + 1))
    (raw / "sub01" / "EP02_01f" / ".DS_Store").write_bytes(b"\0")
    rows = [CASME2_HEADER, *CASME2_ROWS]
    sheet(root / "CASME2-coding-20140508.xlsx", {"Sheet1": rows})
    (root / "~$CASME2-coding-20140508.xlsx").write_bytes(b"lock")
    return CASME2_TRUTH


def casme2_selected(root):
    """Clips from onset to offset with the numbers of the recording, labels of 2019."""
    for row in CASME2_ROWS:
        clip = root / "CASME2_RAW_selected" / f"sub{row[0]}" / row[1]
        frames(clip, "img{n}.jpg", range(row[3], row[5] + 1))
    header = [*CASME2_HEADER, "Objective Classes"]
    rows = [header, *([*row, 1] for row in CASME2_ROWS)]
    sheet(root / "CASME2-coding-20190701.xlsx", {"Sheet1": rows})
    return CASME2_TRUTH


def casme2_cropped(root):
    """Cropped faces, and the edition without spacer columns, with subjects as numbers."""
    for row in CASME2_ROWS:
        clip = root / "Cropped" / f"sub{row[0]}" / row[1]
        frames(clip, "reg_img{n}.jpg", range(row[3], row[5] + 1))
    rows = [[c for c in row if c is not None] for row in ([*CASME2_HEADER], *CASME2_ROWS)]
    rows = [rows[0], *([int(r[0]), *r[1:]] for r in rows[1:])]
    sheet(root / "CASME2_label_Ver_2.xlsx", {"Sheet1": rows})
    return CASME2_TRUTH


def _coding(root):
    sheet(root / "CAS(ME)^2code_final(Updated).xlsx", {
        "CASFEcode_final": [
            [1, "anger1_1", 7, 12, 18, "4+10+14+15", "negative", "macro-expression", "anger"],
            [1, "anger1_2", 21, 23, 0, "", "surprise", "micro-expression", "confused"],
            [2, "happy2_1", 3, 6, 9, "12", "positive", "macro-expression", "happyiness"],
            [2, "happy2_2", 3, 5, 6, 12, "others", "micro-expression", "pain"],
        ],
        "naming rule1": [[15, "s15", 1], [16, "s16", 2]],
        "naming rule2": [["anger1", "0401girlcrashing"], ["happy2", "0503unnyfarting"]],
    })  # fmt: skip
    return [
        Truth("15", "0401girlcrashing", 7, 12, 18, "negative", "macro"),
        Truth("15", "0401girlcrashing", 21, 23, 23, "surprise"),  # offset 0 is unknown
        Truth("16", "0503unnyfarting", 3, 6, 9, "positive", "macro"),
        Truth("16", "0503unnyfarting", 3, 5, 6, "others"),
    ]


def cas_me_2(root):
    raw = root / "rawpic"
    frames(raw / "s15" / "15_0401girlcrashing", "img{n:03d}.jpg", range(1, 31))
    frames(raw / "s16" / "16_0503unnyfarting", "img{n:03d}.jpg", range(1, 12))
    frames(raw / "s16" / "16_0101disgustingteeth", "img{n:03d}.jpg", range(1, 4))  # no expression
    return _coding(root)


def cas_me_2_videos(root):
    video(root / "rawvideo" / "s15" / "15_0401girlcrashing.avi", 30, "MJPG")
    video(root / "rawvideo" / "s16" / "16_0503unnyfarting.avi", 12, "MJPG")
    return _coding(root)


LABELS = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]
CAS3 = {
    # name of a video: numbers of the frames that the camera did not drop
    ("spNO.1", "a"): [n for n in range(8, 40) if n not in (14, 21, 22)],
    ("spNO.216", "d"): range(2640, 2700),
    ("spNO.216", "e"): range(1, 30),
}
CAS3_LABELS = [
    LABELS,
    ["spNO.1", "a", "12", "13", "20", "5", "II", "others"],
    ["spNO.1", "a", "21", "22", "30", "4", "III", "Others"],  # its first frame was dropped
    ["spNO.216", "d", "3647", "2668", "2694", "38", "VII", "disgust"],
    ["spNO.216", "e", "0", "0", "25", "14", "VII", "sad"],
]
CAS3_TRUTH = [
    Truth("spNO.1", "a", 12, 13, 20, "others"),
    Truth("spNO.1", "a", 23, 23, 30, "others"),
    Truth("spNO.216", "d", 2647, 2668, 2694, "disgust"),
    Truth("spNO.216", "e", 1, 1, 25, "sad"),
]


def cas_me_3_a(root):
    for (subject, name), numbers in CAS3.items():
        folder = root / "part_A" / subject / name
        frames(folder / "color", "{n}.jpg", numbers)
        frames(folder / "depth", "{n}.png", list(numbers)[:2])
    header = ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type",
              "Objective class"]  # fmt: skip
    micro = [[*r[:6], "Micro-expression", r[6]] for r in CAS3_LABELS[1:]]
    micro[2][2] = "2647"  # this table is right where the label table is not
    macro = ["spNO.1", "A", "31", 33.0, "38", "4+15+R10", "Macro-expression", "VII"]
    sheet(root / "annotation" / "CAS(ME)3_part_A_v2.xlsx",
          {"AU+Emotion": [header, macro, *micro], "eye blink": [header[:3]]})  # fmt: skip
    sheet(root / "annotation" / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
          {"label": CAS3_LABELS, "Sheet1": [], "Sheet3": []})  # fmt: skip
    return [*CAS3_TRUTH, Truth("spNO.1", "a", 31, 33, 38, "unlabelled", "macro")]


def cas_me_3_a_me(root):
    truth = []
    clips = root / "Part_A_ME_clip"
    for row, t in zip(CAS3_LABELS[1:], CAS3_TRUTH, strict=True):
        name = f"{row[0]}_{row[1]}_{row[2]}"
        numbers = [n for n in CAS3[t.subject, t.video] if t.onset <= n <= t.offset]
        frames(clips / "frame" / name.replace("spNO", "spno"), "{n}.jpg", numbers)
        frames(clips / "depth" / name, "{n}.png", numbers[:1])
        named = (name.replace("spNO", "spno"), t.onset, t.apex, t.offset, t.emotion)
        truth.append(Truth(t.subject.replace("spNO", "spno"), *named))
    sheet(root / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", {"label": CAS3_LABELS})
    return truth


def cas_me_3_c(root):
    frames(root / "ME_C" / "01" / "1" / "color", "{n}.jpg", range(370, 390))
    frames(root / "ME_C" / "31" / "10" / "color", "{n}.jpg", range(16420, 16441))
    sheet(root / "CAS(ME)3_part_C_ME.xlsx", {"mockCrimeME": [
        ["sub", "count", "onset", "offset", "au", "emotion"],
        [1, 1, 373, 385, "R4\uff0c5", "negative"],
        [31, 10, 16427, 16440, 2, "surprise"],
    ]})  # fmt: skip
    return [Truth("01", "1", 373, None, 385, "negative"),
            Truth("31", "10", 16427, None, 16440, "surprise")]  # fmt: skip
