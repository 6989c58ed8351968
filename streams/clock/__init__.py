"""The clock sends ticks, which state how far time has passed, to every partition."""
