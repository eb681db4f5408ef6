"""Reasoning: conditions about one patient at one order, judged in three values."""
