"""What tills, shops and desks deliver to `POST /v1/hooks/NAME`, as events of the contract."""
