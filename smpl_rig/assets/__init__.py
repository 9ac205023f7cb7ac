"""Data files of the body, and how they were made."""
