"""Infrastructure health, measured on data that nobody here wrote."""
