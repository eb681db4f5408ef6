"""The words everyone else speaks: days, amounts, medicines, results, problems, and what we could not read."""
