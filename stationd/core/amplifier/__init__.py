"""Switching and setting optical amplifiers: supervision of their own protection, which is never defeated from here."""
