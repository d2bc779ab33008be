"""From notebooks to the book, its slides and exercises."""
