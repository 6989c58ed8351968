"""The worklist: the customers who are most worth an effort on each date of the business (J7)."""
