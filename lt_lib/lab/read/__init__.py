"""What is made of records: tables, verdicts, claims, audits. Reads; imports neither torch nor timm."""
