"""The fault campaign: damaged inputs, killed runs, hostile surroundings. See README.md."""
