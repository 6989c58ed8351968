"""The state of one customer, how facts change it, and the stage, tier, loyalty type and value derived from it."""
