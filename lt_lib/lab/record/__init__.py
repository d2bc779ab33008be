"""What is asked, and what is known: experiment files resolved into specs, records and their digests, where
things lie."""
