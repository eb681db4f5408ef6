"""Advice: one call in, the cards that are worth the clinician's time out."""
