"""Scores of separators on songs whose stems are known: museval, baselines, tables and pictures.

Nothing in here needs torch but the baselines that are networks of torch: Spleeter and Open-Unmix.
"""
