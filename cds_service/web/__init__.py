"""HTTP: what comes in and goes out, and the only place that knows status codes."""
