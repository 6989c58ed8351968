"""The flow of customers of the base, a tier or a store."""
