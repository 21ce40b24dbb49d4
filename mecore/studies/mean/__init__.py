"""MEAN: spot, then recognise (Liong, See, Chan 2023)."""
