"""A CDS Hooks service that speaks up when a medicine being ordered could harm this patient."""

__version__ = "0.1.0"
