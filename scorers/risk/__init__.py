"""The chance that a customer does not buy within the horizon: features, models, and how they are learned."""
