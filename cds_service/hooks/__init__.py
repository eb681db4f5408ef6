"""CDS Hooks: what a client asks, and the shapes of what we answer."""
