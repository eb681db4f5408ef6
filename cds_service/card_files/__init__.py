"""The clinical knowledge: card files in YAML, read, checked and turned into rules and words."""
