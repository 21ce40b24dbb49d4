"""From annotated intervals to training targets, and from frame scores to intervals and emotions.

``labels`` prepare the training of a spotter; ``smoothing``, ``peaks`` and ``intervals`` turn its
scores into what is spotted, as in Liong, See, Chan (2022). ``apexes`` is their counterpart for the
windows of Tran et al. (2019). Where a paper and the code released with it differ, the option
``"written"`` is the paper and ``"released"`` the code.

``chi2``, ``mdmd`` and ``flow_peaks`` spot without learning; ``learning_free`` runs any of them.
"""
