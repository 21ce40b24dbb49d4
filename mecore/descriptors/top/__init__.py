"""Histograms on three orthogonal planes (TOP): XY, XT and YT of a clip.

LBP-TOP (Zhao, Pietikäinen 2007), HOG-TOP and HIGO-TOP (Li et al. 2018). What a voxel votes for
depends on its neighbours only, not on the clip it is looked at in. So every frame is counted once
(`mecore.descriptors.top.histograms`), and a clip, or every window of a video, is a sum of frames
(`mecore.descriptors.top.windows`).
"""
