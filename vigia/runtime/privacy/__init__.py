"""What Vigía holds of people, and what remains of those who were erased."""
