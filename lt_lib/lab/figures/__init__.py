"""Figures by name; those that several works share."""
