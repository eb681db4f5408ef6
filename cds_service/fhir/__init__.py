"""FHIR: what clients send, read one element at a time, and what we send, complete and valid."""
