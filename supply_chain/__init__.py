"""What others wrote and we ship: its known vulnerabilities, its licences, and the list of it (SBOM)."""
