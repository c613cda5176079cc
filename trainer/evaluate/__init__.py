"""Scores of separators on songs whose stems are known: museval, baselines, tables and pictures.

Nothing in here needs torch but the Spleeter baseline, whose package brings its network in it.
"""
