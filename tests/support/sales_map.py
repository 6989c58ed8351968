"""A till's map for `vigia import`: one sale of 20 euros a row."""

SALES_MAP = """type = "purchase.completed"
source = "till"
[fields]
id = "Id"
time = "Time"
customer_id = "Customer"
amount = { value = "20.00" }
currency = { value = "EUR" }
"""
