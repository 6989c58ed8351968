"""The console: pages and an HTTP API over the read model, and who may use them."""
