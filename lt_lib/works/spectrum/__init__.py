"""Rawal & Pradhan 2020: generalising across the (in)visible spectrum."""
