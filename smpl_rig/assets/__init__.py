"""Data files of the body, and how they were made.

Imports: smpl_rig.
"""
