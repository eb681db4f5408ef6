"""Medicines: from a code or a text to ingredients, strength, dose form and route."""
