"""From annotated intervals to training targets, and from frame scores to intervals and emotions.

``labels`` and ``sampling`` prepare the training of a spotter; ``smoothing``, ``peaks`` and
``intervals`` turn its scores into what is spotted. All of it follows Liong, See, Chan (2022).
Where the paper and the code released with it differ, the option ``"written"`` is the paper and
``"released"`` the code.
"""
