"""MEAN: spot, then recognise (Liong, See, Chan 2023): options, network, training, weights."""
