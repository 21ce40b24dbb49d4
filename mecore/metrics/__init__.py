"""Measures of the field, one module per task; they know numpy and pandas and nothing else.

``recognition`` scores emotions, ``spotting`` scores intervals, ``analysis`` scores both in a row,
``plausibility`` asks of a printed table whether its numbers can be right.
Bad input raises ``ValueError``: this package is usable without the rest of the study.
"""
