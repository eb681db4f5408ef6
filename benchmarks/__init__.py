"""How fast the service answers, measured beside a bare handler on the same server in the same run."""
